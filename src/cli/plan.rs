//! `hostwright plan`: what would change on a host. Nothing does.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, PlaybookArgs, boxed, connect, show};

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
    let (loaded, proved) = args.playbook.load(false)?;
    let (desired, session) = connect(&loaded, proved, &args.host).await?;
    let (facts, plan) = session.plan(&desired).await.map_err(boxed)?;
    show(
        &plan,
        &desired,
        &session,
        &facts.system.release,
        args.playbook.verbose,
    );
    session.close().await;
    Ok(match (args.detailed_exitcode, plan.changes.is_empty()) {
        (true, false) => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    })
}
