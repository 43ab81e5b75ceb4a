//! `hostwright drift`: what someone changed on a host since the last apply.

use std::process::ExitCode;

use super::Exit;
use super::common::{AppliedArgs, boxed};
use crate::operations::event::Event;
use crate::operations::history::Which;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    applied: AppliedArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.applied
        .output
        .shown("drift", async |view| drift(args, view).await)
        .await
}

async fn drift(args: &Args, view: &mut View) -> Exit {
    let session = args.applied.open().await?;
    let whole = args.applied.whole(&session, Which::Latest).await?;
    let desired = whole.built().map_err(boxed)?.desired;
    let (_, plan) = session.plan(&desired).await.map_err(boxed)?;
    view.event(&Event::Drift {
        plan: &plan,
        secrets: &desired.secrets,
    });
    session.close().await;
    Ok(match plan.is_fulfilled() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}
