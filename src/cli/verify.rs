//! `hostwright verify`: the checks of what was applied last.

use std::process::ExitCode;

use super::Exit;
use super::common::{AppliedArgs, boxed};
use crate::operations::history::{self, Which};
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("verify", async |view| verify(args, view).await)
        .await
}

async fn verify(args: &Args, view: &mut View) -> Exit {
    let session = args.applied.open().await?;
    let whole = args.applied.whole(&session, Which::Latest).await?;
    history::verify(&session, &whole, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
