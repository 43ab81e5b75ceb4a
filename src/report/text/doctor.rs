//! What is wrong with a host, in words.

use std::fmt::Write;

use crate::change::counted;
use crate::operations::doctor::{Diagnosis, Finding, Gravity};

/// All findings, each with its cause, what says so, and what helps.
pub(super) fn text(diagnosis: &Diagnosis) -> String {
    let Diagnosis { host, findings } = diagnosis;
    if findings.is_empty() {
        return format!("{host}: nothing is wrong that could be seen.");
    }
    let mut text = format!("{host}: {}", counted(findings.len(), "finding"));
    for finding in findings {
        text.push('\n');
        write(&mut text, finding);
    }
    text
}

fn write(text: &mut String, finding: &Finding) {
    let Finding {
        gravity,
        what,
        cause,
        evidence,
        mend,
        command,
        ..
    } = finding;
    let mark = match gravity {
        Gravity::Down => '✗',
        Gravity::Failing => '!',
    };
    let _ = write!(text, "\n{mark} {what}\n    cause  {cause}");
    for line in evidence {
        let _ = write!(text, "\n    seen   {line}");
    }
    let _ = write!(text, "\n    mend   {mend}");
    if let Some(command) = command {
        let _ = write!(text, "\n    run    {command}");
    }
}

/// What became of a command that mends something.
pub(super) fn mended(finding: &Finding, status: i32, said: &str) -> String {
    let command = finding.command.as_deref().unwrap_or_default();
    let mut text = match status {
        0 => format!("\n✓ {command}\n"),
        _ => format!("\n✗ {command}: it ended with {status}\n"),
    };
    for line in said.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}
