//! `hostwright schema`: JSON schemas: of playbooks, for editors, and of what `--json` writes, for programs.

use std::process::ExitCode;

use schemars::schema_for;

use super::Exit;
use super::common::boxed;
use super::hosts::Declared;
use crate::language::PlaybookError;
use crate::{playbook, report};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Describe what `--json` writes, line by line
    #[arg(long)]
    output: bool,
    /// Describe hostwright.yml
    #[arg(long, conflicts_with = "output")]
    hosts: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    let schema = match (args.output, args.hosts) {
        (true, _) => report::json::schema(),
        (_, true) => schema_for!(Declared),
        _ => playbook::schema(),
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| boxed(PlaybookError::plain(error.to_string(), "report this as a bug")))?;
    anstream::println!("{text}");
    Ok(ExitCode::SUCCESS)
}
