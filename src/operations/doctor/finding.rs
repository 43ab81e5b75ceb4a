//! A cause that was found.

use schemars::JsonSchema;
use serde::Serialize;

/// How much a finding matters; what matters most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Something does not work.
    Down,
    /// Something works badly, or will soon not work.
    Failing,
}

/// Something that is wrong, why, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The cause as a word for programs: `program.port-taken`. It stays the same.
    pub kind: &'static str,
    /// How much it matters.
    pub gravity: Gravity,
    /// What is wrong.
    pub what: String,
    /// Why.
    pub cause: String,
    /// What was seen that says so.
    pub evidence: Vec<String>,
    /// What helps.
    pub mend: String,
    /// A line of sh that does it on the host as root and takes nothing away; none where a person must decide.
    pub command: Option<String>,
}

/// So much of a line is shown as evidence.
const LINE: usize = 200;

impl Finding {
    /// Something that is wrong, and why.
    pub(super) fn new(
        kind: &'static str,
        gravity: Gravity,
        what: impl Into<String>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            gravity,
            what: what.into(),
            cause: cause.into(),
            evidence: Vec::new(),
            mend: String::new(),
            command: None,
        }
    }

    /// With a line that was seen; empty ones say nothing.
    pub(super) fn seen(mut self, line: impl AsRef<str>) -> Self {
        let line = line.as_ref().trim();
        if !line.is_empty() {
            let mut short: String = line.chars().take(LINE).collect();
            if short.len() < line.len() {
                short.push('…');
            }
            if !self.evidence.contains(&short) {
                self.evidence.push(short);
            }
        }
        self
    }

    /// With several.
    pub(super) fn all_seen<T: AsRef<str>>(self, lines: impl IntoIterator<Item = T>) -> Self {
        lines.into_iter().fold(self, Self::seen)
    }

    /// With what helps.
    pub(super) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }

    /// With a command that does it, and takes nothing away.
    pub(super) fn safe(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}
