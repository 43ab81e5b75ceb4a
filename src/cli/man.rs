//! `hostwright man`: a manual page for the program and one for each command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;

use super::common::boxed;
use super::{Cli, Exit};
use crate::language::PlaybookError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory that the pages are written to, such as /usr/local/share/man/man1
    directory: PathBuf,
}

pub(super) fn run(args: &Args) -> Exit {
    write(&args.directory).map_err(|error| {
        boxed(PlaybookError::plain(
            format!(
                "the manual pages cannot be written to {}: {error}",
                args.directory.display()
            ),
            "name a directory that you may write to; it is made where it is not there",
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}
