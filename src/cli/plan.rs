//! `hostwright plan`: what would change on a host. Nothing does.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, PlaybookArgs, boxed};
use crate::operations::event::Event;
use crate::operations::session::connect;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    #[command(flatten)]
    host: HostArgs,
    /// Exit with 0 when there is nothing to do, 2 when there are changes, 1 on an error
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.playbook
        .shown("plan", async |view| plan(args, view).await)
        .await
}

async fn plan(args: &Args, view: &mut View) -> Exit {
    let proved = args.playbook.prove(false, view)?;
    let (desired, session) = connect(proved, args.host.access()?).await.map_err(boxed)?;
    let (_, plan) = session.plan(&desired).await.map_err(boxed)?;
    view.event(&Event::Plan(&plan));
    session.close().await;
    Ok(match (args.detailed_exitcode, plan.changes.is_empty()) {
        (true, false) => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    })
}
