//! `hostwright schema`: the JSON schema of playbooks, for editors.

use std::process::ExitCode;

use super::Exit;
use super::common::boxed;
use crate::language::PlaybookError;

pub(super) fn run() -> Exit {
    let text = serde_json::to_string_pretty(&crate::playbook::schema())
        .map_err(|error| boxed(PlaybookError::plain(error.to_string(), "report this as a bug")))?;
    anstream::println!("{text}");
    Ok(ExitCode::SUCCESS)
}
