//! `hostwright diff`: how two generations differ.

use std::process::ExitCode;

use super::Exit;
use super::common::AppliedArgs;
use crate::operations::event::Event;
use crate::operations::history::{Which, difference};
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
    /// The number of the one
    from: u32,
    /// The number of the other
    to: u32,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("diff", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let session = args.applied.open().await?;
    let (from, to) = tokio::try_join!(
        args.applied.whole(&session, Which::Number(args.from)),
        args.applied.whole(&session, Which::Number(args.to))
    )?;
    view.event(&Event::Difference {
        playbook: &to.playbook,
        from: from.number,
        to: to.number,
        details: &difference(&from, &to),
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
