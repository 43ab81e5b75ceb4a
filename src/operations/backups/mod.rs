//! Backups of a host, which its newest generations declare: run, listed, read to their end, restored. The host does it by
//! itself; no playbook is needed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::change::Verb;

pub mod answer;
pub mod ask;
pub mod drill;

/// A backup, as its host tells of it. Times are in seconds since 1970, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Backup {
    /// The playbook that declares it.
    pub playbook: String,
    /// Its name.
    pub name: String,
    /// Where its archives are.
    pub place: String,
    /// When it runs, in cron's words.
    pub schedule: String,
    /// How many archives stay.
    pub keep: u32,
    /// From which age on the newest archive is too old, in seconds.
    pub max_age: u64,
    /// Whether archives are encrypted.
    pub encrypted: bool,
    /// How the last run ended.
    pub last: Option<Ended>,
    /// The newest archive that a run of this host made.
    pub newest: Option<Archive>,
    /// The last time that an archive was read to its end.
    pub verified: Option<Proof>,
    /// The last time that an archive was restored on a rehearsal host.
    pub drilled: Option<Proof>,
    /// What is wrong: the last run failed, or the newest archive is too old.
    pub problem: Option<String>,
}

/// A backup with its archives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listed {
    /// The backup.
    #[serde(flatten)]
    pub backup: Backup,
    /// Its whole archives, the oldest first.
    pub archives: Vec<Archive>,
    /// What stood in place before restores, on the host itself.
    pub kept: Vec<Archive>,
}

/// A whole archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Archive {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// When it was made.
    pub made: u64,
    /// How many files, directories and links it holds.
    pub entries: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ended {
    /// When.
    pub at: u64,
    /// Whether it failed.
    pub failed: bool,
    /// The last line of what it said.
    pub said: String,
}

/// What was proved of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Proof {
    /// The archive's name.
    pub archive: String,
    /// How the proof ended.
    #[serde(flatten)]
    pub ended: Ended,
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Done {
    /// The playbook that declares it.
    pub playbook: String,
    /// Its name.
    pub name: String,
    /// Whether it failed.
    pub failed: bool,
    /// What it said.
    pub said: String,
}

/// What a restore would do at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Whether something is made, replaced or taken away there.
    pub verb: Verb,
    /// The path.
    pub path: String,
    /// In what the archive and the host differ there, in tar's words.
    pub why: Vec<String>,
}
