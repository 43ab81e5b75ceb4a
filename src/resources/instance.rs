//! One of two instances of a program that take turns, whoever runs it.

use std::fmt::Debug;

use crate::desired::{Context, Ref, Refusal};
use crate::facts::Questions;
use crate::managed::file::ManagedFile;

/// How an instance is on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Whoever runs instances does not know it.
    Unknown,
    /// It runs, or is about to.
    Runs,
    /// It is known and does not run: what is said of it.
    Down(String),
}

/// One of the two instances, as whoever runs it has it.
pub(super) trait Instance: Debug + Send + Sync {
    /// What it is made from.
    fn file(&self) -> &ManagedFile;
    /// What it is called for the host's memory of what it was started from.
    fn stamp(&self) -> String;
    /// What must be there first.
    fn needs(&self) -> Vec<Ref>;
    /// Files that it reads at its start.
    fn reads(&self) -> &[String];
    /// The programs that a file of its sort runs.
    fn programs(&self, text: &str) -> Vec<String>;
    /// The file of the playbook that its own one is made from.
    fn made_from(&self) -> Option<&String> {
        None
    }
    /// Says what must be known of it.
    fn ask(&self, questions: &mut Questions);
    /// Refuses what could not run.
    fn refuse(&self, cx: &Context<'_>) -> Result<(), Refusal>;
    /// The fingerprint of all that it is started from.
    fn inputs(&self, cx: &Context<'_>) -> String;
    /// How it is.
    fn state(&self, cx: &Context<'_>) -> State;
    /// Whether it starts with the host.
    fn is_kept(&self, _cx: &Context<'_>) -> bool {
        true
    }
    /// Whether it runs in this unit of systemd's.
    fn runs_in(&self, unit: &str) -> bool;
    /// Whether the program still runs as it did before it had instances.
    fn runs_alone(&self, _cx: &Context<'_>) -> bool {
        false
    }
    /// The sh that `rolling.sh` wants of whoever runs it.
    fn library(&self) -> String;
    /// The sh that says that this instance is meant, whatever its host has of it.
    fn meant_always(&self) -> String;
    /// The same on a host that is known.
    fn meant(&self, _cx: &Context<'_>) -> String {
        self.meant_always()
    }
    /// How long whoever runs it may take to start it, in seconds.
    fn to_start(&self) -> u32;
}
