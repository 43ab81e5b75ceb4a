//! `hostwright rehearse`: the main job on a throwaway host of this machine.

use std::process::ExitCode;
use std::time::Instant;

use super::common::{PlaybookArgs, boxed};
use super::prompt::{ask, is_interactive};
use super::{Exit, Failure};
use crate::host::rehearsal::{Missing, install, missing, remove_kept};
use crate::operations::rehearse::{Choice, rehearse};
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    /// Install what this machine lacks without asking
    #[arg(long)]
    yes: bool,
    /// Leave the host running and say how to enter it
    #[arg(long)]
    keep: bool,
    /// The distribution's release to rehearse on; this machine's own unless given
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// The mirror to take packages from; this machine's own unless given
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Remove a host that --keep left, and rehearse nothing
    #[arg(long, value_name = "NAME", exclusive = true)]
    remove: Option<String>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum CannotRehearse {
    #[error("a rehearsal boots a host on this machine, and it lacks {}", list(.0))]
    #[diagnostic(help("run it as root on a Linux machine that may make namespaces and mounts"))]
    Here(Vec<Missing>),
    #[error("a rehearsal needs {}", .0.join(", "))]
    #[diagnostic(help("install them with `apt-get install {}`, or answer yes (--yes in a script)", .0.join(" ")))]
    Declined(Vec<&'static str>),
}

fn list(missing: &[Missing]) -> String {
    missing
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

pub(super) async fn run(args: &Args) -> Exit {
    if let Some(name) = &args.remove {
        return remove(name);
    }
    let playbook = &args.playbook;
    playbook
        .shown("rehearse", async |view| with(playbook, args, view).await)
        .await
}

fn remove(name: &str) -> Exit {
    anstream::println!("Removing the host {name}");
    remove_kept(name).map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}

async fn with(playbook: &PlaybookArgs, args: &Args, view: &mut View) -> Exit {
    let start = Instant::now();
    let proved = playbook.prove(&playbook.choice(None)?, true, view)?;
    prepare(args.yes, view)?;
    let choice = Choice {
        suite: args.suite.clone(),
        mirror: args.mirror.clone(),
        keep: args.keep,
    };
    rehearse(proved, &choice, start, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}

/// Installs what this machine lacks, after saying so.
fn prepare(yes: bool, view: &View) -> Result<(), Failure> {
    let missing = missing();
    let (packaged, hopeless): (Vec<Missing>, Vec<Missing>) =
        missing.into_iter().partition(|missing| missing.package.is_some());
    if !hopeless.is_empty() {
        return Err(boxed(CannotRehearse::Here(hopeless)));
    }
    let packages: Vec<&'static str> = packaged.iter().filter_map(|missing| missing.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    // Without a terminal it counts as yes: a rehearsal changes nothing but this machine and a throwaway host.
    let names = packages.join(", ");
    let question = format!("A rehearsal needs packages that this machine lacks: {names}\nInstall them now?");
    if yes || view.is_for_programs() || !is_interactive() || ask(&question) {
        install(&packages).map_err(boxed)
    } else {
        Err(boxed(CannotRehearse::Declined(packages)))
    }
}
