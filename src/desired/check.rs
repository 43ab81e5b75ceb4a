//! What must answer when everything is in place.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

/// A check with nothing left to look up.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub probe: Probe,
    /// Where.
    pub from: From,
    /// How long it may take until the answer is right, in seconds.
    pub within: u32,
}

impl Check {
    /// Every text that is sent to ask it.
    pub fn texts(&self) -> Vec<&str> {
        match &self.probe {
            Probe::Http {
                url, post, headers, ..
            } => {
                let headers = headers.iter().flat_map(|(name, value)| [name, value]);
                let texts = std::iter::once(url).chain(post).chain(headers);
                texts.map(String::as_str).collect()
            }
            Probe::Tcp(text) | Probe::Command(text) | Probe::Measure(text) => vec![text],
            Probe::Exposed(_) => Vec::new(),
        }
    }
}

/// What a check asks.
#[derive(Clone, Debug)]
pub enum Probe {
    /// An HTTP request and what its answer must be.
    Http {
        /// The URL.
        url: String,
        /// What is posted, if anything.
        post: Option<String>,
        /// Headers.
        headers: Vec<(String, String)>,
        /// What the answer must be.
        expect: Expected,
    },
    /// A TCP connection.
    Tcp(String),
    /// A command.
    Command(String),
    /// Which TCP ports are open to others, and no other is.
    Exposed(BTreeSet<u16>),
    /// What a piece of sh measures: when it fails it has said what is wrong.
    Measure(String),
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The HTTP status.
    pub status: u32,
    /// Fields that the JSON answer must have, with these values; others may be there.
    pub json: Vec<(String, String)>,
    /// Text that the answer must hold.
    pub contains: Option<String>,
}

/// Where a check is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// On the host itself.
    #[default]
    Host,
    /// From this machine.
    Here,
}
