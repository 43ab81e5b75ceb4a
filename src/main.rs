//! The `hostwright` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hostwright::cli::main()
}
