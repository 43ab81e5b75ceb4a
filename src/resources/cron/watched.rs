//! Jobs whose runs are kept in mind, so that the monitor can tell of one that failed or was missed.

use crate::language::scalar::{Duration, Name, Schedule};
use crate::language::schedule::gap;
use crate::language::{Declaration, Problem, Render};
use crate::managed::file::ManagedFile;
use crate::resources::directory::Directory;
use crate::shell;

const LIBRARY: &str = include_str!("watched.sh");

/// What cron runs: the command, in the environment that it has from cron alone.
const RUN: &str = "if [ \"${1:-}\" = run ]; then sh -c \"$2\"; set -- ended \"$?\"; fi\n";

/// How long a run may take to end, in seconds, where the next one begins soon.
const LEAST: u32 = 10 * 60;

/// How late a run may be that begins seldom.
const MOST: u32 = 6 * 60 * 60;

/// From which age on, in seconds, the last run that ended well is too old; none where there is no telling.
pub(super) fn patience(schedule: &Schedule, delay: Option<&Duration>) -> Option<u32> {
    let gap = gap(&schedule.0)?;
    Some(gap + gap.clamp(LEAST, MOST) + delay.map_or(0, |delay| delay.0))
}

/// What runs a job of `user` and keeps in mind how it ended. The directory for that is put in place.
pub(super) fn runner(
    name: &str,
    user: &str,
    max_age: u32,
    cx: &mut Render<'_>,
) -> Result<ManagedFile, Problem> {
    let playbook = cx.document.name.clone();
    let state = format!("/var/lib/{playbook}-jobs/{name}");
    let values = [
        ("name", name.to_owned()),
        ("state", state.clone()),
        ("max_age", max_age.to_string()),
    ];
    let values: String = values
        .iter()
        .map(|(name, value)| format!("{name}={}\n", shell::quote(value)))
        .collect();
    let text = format!(
        "#!/bin/sh\n# Managed by hostwright ({playbook}): changes made here are undone by the next apply.\n\
         {RUN}{values}{LIBRARY}"
    );
    let directory = Directory {
        owner: Some(Name(user.to_owned())),
        group: Some(Name("root".into())),
        ..Directory::default()
    };
    directory.render(&state, cx)?;
    let path = format!("/usr/local/lib/{playbook}/jobs/{name}");
    Ok(ManagedFile::new(path, cx.content(text.into_bytes())).mode("0755"))
}
