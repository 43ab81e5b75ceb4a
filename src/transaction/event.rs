//! What a person who waits for a run may want to know.

use schemars::JsonSchema;
use serde::Serialize;

/// Something that happens in a run. Steps are numbered from 0, times are the host's, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What the host lacks is on its way to it.
    Sending {
        /// How many bytes have been sent.
        sent: u64,
        /// Of how many.
        total: u64,
        /// How many bytes the contents have that they stand for.
        contents: u64,
    },
    /// A step began.
    StepStarted {
        /// Which.
        step: usize,
        /// When.
        at: u64,
    },
    /// The running step printed a line.
    StepOutput {
        /// The line.
        line: String,
    },
    /// A step was done.
    StepDone {
        /// Which.
        step: usize,
        /// When.
        at: u64,
    },
    /// A step failed.
    StepFailed {
        /// Which.
        step: usize,
        /// When.
        at: u64,
    },
    /// Something that the step did, which is about to fail, could not be undone.
    StepStuck,
}
