//! `hostwright completions`: what a shell must know to complete the command line.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Exit {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "hostwright",
        &mut std::io::stdout(),
    );
    Ok(ExitCode::SUCCESS)
}
