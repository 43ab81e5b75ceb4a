//! `hostwright diff`: how two generations differ.

use std::process::ExitCode;

use super::Exit;
use super::common::{AppliedArgs, boxed};
use crate::language::PlaybookError;
use crate::operations::event::Event;
use crate::operations::history::{Which, difference};
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
    /// The number of the one
    from: Option<u32>,
    /// The number of the other
    to: Option<u32>,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("diff", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let (session, numbers) = args.applied.open_for([args.from, args.to]).await?;
    let [Some(from), Some(to)] = numbers else {
        return Err(boxed(PlaybookError::plain(
            "diff compares two generations, and two numbers are needed for that",
            "give them: `hostwright diff TARGET 1 2`; `hostwright history` lists them",
        )));
    };
    let (from, to) = tokio::try_join!(
        args.applied.whole(&session, Which::Number(from)),
        args.applied.whole(&session, Which::Number(to))
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
