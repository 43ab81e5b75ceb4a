//! `hostwright check`: is the playbook whole and right? No host is contacted.

use std::process::ExitCode;

use super::Exit;
use super::common::{PlaybookArgs, boxed};
use crate::change::counted;
use crate::playbook::render::render;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
}

pub(super) fn run(args: &Args) -> Exit {
    let loaded = args.playbook.load(false)?;
    let desired = render(&loaded, None).map_err(boxed)?;
    if args.playbook.verbose {
        for entry in &desired.entries {
            anstream::println!("{}", entry.resource.id());
        }
    }
    anstream::println!(
        "{} is valid: {}, {}.",
        loaded.file,
        counted(desired.entries.len(), "resource"),
        counted(desired.checks.len(), "check")
    );
    Ok(ExitCode::SUCCESS)
}
