//! `hostwright rollback`: an earlier generation, applied again.

use std::process::ExitCode;

use super::Exit;
use super::apply::ask_and_apply;
use super::common::{AppliedArgs, boxed};
use crate::operations::event::Event;
use crate::operations::history::Which;
use crate::report::View;
use crate::transaction::compile::OnFailure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
    /// The generation's number; that of the one before the newest unless given
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// Go back without asking
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("rollback", async |view| rollback(args, view).await)
        .await
}

async fn rollback(args: &Args, view: &mut View) -> Exit {
    let session = args.applied.open().await?;
    let which = args.to.map_or(Which::Before, Which::Number);
    let whole = args.applied.whole(&session, which).await?;
    let built = whole.built().map_err(boxed)?;
    view.event(&Event::Back {
        playbook: &whole.playbook,
        number: whole.number,
        generation: &whole.generation,
        secrets: &built.desired.secrets,
    });
    ask_and_apply(session, built, args.yes, OnFailure::Stop, view).await?;
    Ok(ExitCode::SUCCESS)
}
