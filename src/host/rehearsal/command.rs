//! Programs of this machine, run to their end.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitStatus, Output, Stdio};

use super::error::{RehearsalError, tail};

/// How much of a failed program's output an error shows.
const LINES: usize = 12;

/// Starts describing a run of `program`: quiet stdin, messages in English, no questions.
pub(super) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .env("PATH", path())
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}

/// Where programs are looked for: a PATH that came through su or cron can lack the system's.
pub(super) fn path() -> String {
    let given = std::env::var("PATH").unwrap_or_default();
    format!("{given}:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// Runs it and returns what it wrote to stdout; a failure is an error with `help`.
pub(super) fn run(command: &mut Command, help: &str) -> Result<String, RehearsalError> {
    let output = command.output().map_err(|source| cannot_start(command, source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(spelled(command), &output, help))
}

/// Runs it for its exit status alone.
pub(super) fn succeeds(command: &mut Command) -> Result<bool, RehearsalError> {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(|status| status.success())
        .map_err(|source| cannot_start(command, source))
}

/// Runs it, handing each line that it writes to `progress`.
pub(super) fn follow(
    command: &mut Command,
    help: &str,
    progress: &mut dyn FnMut(&str),
) -> Result<(), RehearsalError> {
    let (reader, writer) = io::pipe().map_err(|source| cannot_start(command, source))?;
    let also = writer
        .try_clone()
        .map_err(|source| cannot_start(command, source))?;
    let mut child = command
        .stdout(writer)
        .stderr(also)
        .spawn()
        .map_err(|source| cannot_start(command, source))?;
    // The command keeps our ends for writing, and the reader would wait for them.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut text = Vec::new();
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        progress(String::from_utf8_lossy(&line).trim_end());
        text.extend_from_slice(&line);
        text.push(b'\n');
    }
    let status = child.wait().map_err(|source| cannot_start(command, source))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(
        spelled(command),
        &Output {
            status,
            stdout: text,
            stderr: Vec::new(),
        },
        help,
    ))
}

/// The error for `command` having ended so.
pub(super) fn failed(command: String, output: &Output, help: &str) -> RehearsalError {
    let mut text = output.stdout.clone();
    text.extend_from_slice(&output.stderr);
    RehearsalError::Command {
        command,
        status: ending(output.status),
        output: tail(&text, LINES),
        help: help.to_owned(),
    }
}

/// The error for `command` not having started.
pub(super) fn cannot_start(command: &Command, source: io::Error) -> RehearsalError {
    RehearsalError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

/// The command as a person would type it, near enough to find it again.
pub(super) fn spelled(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => "killed by a signal".to_owned(),
    }
}
