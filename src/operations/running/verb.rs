//! What programs and units are told.

use schemars::JsonSchema;
use serde::Serialize;

/// What is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// They are stopped, if they run, and started.
    Restart,
    /// They are stopped.
    Stop,
    /// They are started, unless they run.
    Start,
}

impl Verb {
    /// As systemctl and supervisorctl call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}
