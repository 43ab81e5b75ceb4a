//! `hostwright check`: is the playbook whole and right? No host is contacted.

use std::process::ExitCode;

use super::Exit;
use super::common::PlaybookArgs;
use crate::change::counted;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
}

pub(super) fn run(args: &Args) -> Exit {
    let (loaded, rendered) = args.playbook.load(false)?;
    let desired = rendered.desired;
    if args.playbook.verbose {
        for entry in &desired.entries {
            anstream::println!("{}", entry.resource.id());
        }
    }
    anstream::println!(
        "{} is valid: {}, {}.",
        loaded.document.file,
        counted(desired.entries.len(), "resource"),
        counted(desired.checks.len(), "check")
    );
    Ok(ExitCode::SUCCESS)
}
