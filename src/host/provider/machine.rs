//! What is known of a machine.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::secrets::Password;

/// What is known of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Machine {
    /// The provider's name for it, which no other has.
    pub id: String,
    /// What a person calls it.
    pub label: String,
    /// Words that its maker put on it.
    pub tags: Vec<String>,
    /// Where it stands.
    pub region: String,
    /// Which sort it is.
    pub plan: String,
    /// The provider's name of what it began with.
    pub image: String,
    /// Its address, once it has one.
    pub address: Option<IpAddr>,
    /// What it does.
    pub state: State,
    /// When it was made, as the provider writes it.
    pub created: String,
    /// root's first password, which a provider tells only in the beginning.
    #[serde(skip)]
    pub password: Option<Password>,
}

impl Machine {
    /// Whether its maker put this word on it.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// Whether hostwright made it.
    pub fn is_ours(&self) -> bool {
        self.has_tag(OURS)
    }
}

/// What a machine does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being made.
    Pending,
    /// It runs, as far as its provider knows; its SSH may not answer yet.
    Running,
    /// It is switched off, or its provider stopped it; in the provider's words.
    Stopped(String),
}

/// The tag of every machine that hostwright makes. Beside it stands the one of its order.
pub const OURS: &str = "hostwright";

/// Which machines are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// All of the account.
    All,
    /// Those with this label.
    Label(&'a str),
    /// Those with this tag.
    Tag(&'a str),
}

impl Which<'_> {
    /// Whether a machine is asked for.
    pub fn has(self, machine: &Machine) -> bool {
        match self {
            Self::All => true,
            Self::Label(label) => machine.label == label,
            Self::Tag(tag) => machine.has_tag(tag),
        }
    }
}
