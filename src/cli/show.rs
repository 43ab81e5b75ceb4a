//! `hostwright show`: a playbook as it was applied.

use std::process::ExitCode;

use super::Exit;
use super::common::AppliedArgs;
use crate::operations::event::Event;
use crate::operations::history::Which;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
    /// The generation's number; the newest one's unless given
    number: Option<u32>,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("show", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let (session, [number]) = args.applied.open_for([args.number]).await?;
    let which = number.map_or(Which::Latest, Which::Number);
    let whole = args.applied.whole(&session, which).await?;
    view.event(&Event::Generation {
        playbook: &whole.playbook,
        number: whole.number,
        generation: &whole.generation,
        vars: &whole.bundle.vars,
        text: &whole.bundle.text,
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
