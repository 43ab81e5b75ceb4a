//! `hostwright plan`: what would change on a host. Nothing does.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, PlaybookArgs, boxed};
use crate::operations::event::Event;
use crate::operations::saved::Saved;
use crate::operations::session::connect;
use crate::operations::upgrades::upgrades;
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
    /// Show also what an upgrade of all packages would change, by the index that the host has
    #[arg(long)]
    upgrades: bool,
    /// Write the plan to a file that `apply` takes in place of the playbook: what was read is then what runs
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.playbook
        .shown("plan", async |view| plan(args, view).await)
        .await
}

async fn plan(args: &Args, view: &mut View) -> Exit {
    let choice = args.playbook.choice(Some(&args.host))?;
    let proved = args.playbook.prove(&choice, false, view)?;
    let (mut built, session) = connect(proved, args.host.access_to(&choice).await?)
        .await
        .map_err(boxed)?;
    let (_, plan) = session.plan_and_prune(&mut built).await.map_err(boxed)?;
    view.event(&Event::Plan(&plan));
    if args.upgrades {
        let upgrades = upgrades(&session).await.map_err(boxed)?;
        view.event(&Event::Upgrades(&upgrades));
    }
    if let Some(path) = &args.out {
        let (playbook, overrides) = args.playbook.chosen(&choice, false)?;
        Saved::write(path, &playbook, &overrides, &built.desired, &plan).map_err(boxed)?;
    }
    session.close().await;
    Ok(match (args.detailed_exitcode, plan.is_fulfilled()) {
        (true, false) => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    })
}
