//! The words of a plan: what changes, how a person is told, and what the host does.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The identity of a resource: `kind.name`, unique in a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Id(String);

impl Id {
    /// The id of the resource `name` of `kind`.
    pub fn new(kind: &str, name: &str) -> Self {
        Self(format!("{kind}.{name}"))
    }

    /// An id as it stands in a playbook's `after:`.
    pub fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes that shall stand in a file on the host, addressed by their SHA-256.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// The SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// The bytes; none of them here where only the host's store holds them.
    pub bytes: Arc<[u8]>,
    /// How many there are.
    pub size: u64,
    /// Whether they hold a secret, and so are never shown.
    pub secret: bool,
}

impl Content {
    /// Addresses `bytes`.
    pub fn new(bytes: impl Into<Arc<[u8]>>, secret: bool) -> Self {
        let bytes = bytes.into();
        Self {
            sha256: sha256(&bytes),
            size: bytes.len() as u64,
            bytes,
            secret,
        }
    }

    /// What the host's store holds, and this machine does not.
    pub fn held(sha256: impl Into<String>, size: u64) -> Self {
        Self {
            sha256: sha256.into(),
            bytes: Arc::default(),
            size,
            secret: false,
        }
    }

    /// Whether the bytes are here.
    pub fn is_here(&self) -> bool {
        self.bytes.len() as u64 == self.size
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({}, {} bytes)", &self.sha256[..12], self.size)
    }
}

/// The SHA-256 of `bytes`, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    use fmt::Write;
    digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The SHA-256 of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes)
        .as_ref()
        .to_vec()
}

/// A number and what it counts, whose plural ends with `s`: `1 file`, `2 files`.
pub fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// What happens to a resource, as a plan's sign says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Update,
    /// It is taken away.
    Remove,
    /// Something is run, and nothing on disk says what it leaves.
    Run,
}

/// One line (or diff) that explains a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// A property and its two values.
    Field {
        /// What the property is called.
        name: &'static str,
        /// Its value on the host.
        from: String,
        /// Its value in the playbook.
        to: String,
    },
    /// A remark.
    Note(String),
    /// A text file's old and new contents.
    Diff {
        /// Where it stands.
        path: String,
        /// What it holds now; empty when it is not there.
        old: String,
        /// What it shall hold.
        new: String,
    },
}

/// One thing that the host does. Small on purpose: everything a kind wants is said in these words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put `content` at `path`: written beside it, given owner and mode, validated, renamed over it.
    Write {
        /// Where.
        path: String,
        /// What.
        content: Content,
        /// Permission bits, four octal digits.
        mode: String,
        /// Owner and group by name: `root:root`.
        owner: String,
        /// A command that must succeed before the file is live; `{}` stands for the file's path.
        validate: Option<String>,
        /// A file on the host that is likely to be alike, if it is not the one at `path`: only what is
        /// different then travels.
        like: Option<String>,
    },
    /// Make a directory (and missing parents, root's, 0755).
    Directory {
        /// Where.
        path: String,
        /// Permission bits.
        mode: String,
        /// Owner and group.
        owner: String,
    },
    /// Set owner and mode of what is there.
    Attributes {
        /// Where.
        path: String,
        /// Permission bits.
        mode: String,
        /// Owner and group.
        owner: String,
    },
    /// Make `path` a symbolic link to `target`, atomically.
    Link {
        /// Where.
        path: String,
        /// To what.
        target: String,
    },
    /// Take `path` away (kept aside with the run, so nothing is lost).
    Remove {
        /// What.
        path: String,
        /// Whether it holds a secret: it is kept only as long as the run goes on.
        secret: bool,
    },
    /// Delete for good: for what can be made again, such as an old release.
    Delete {
        /// What.
        path: String,
    },
    /// Alter the file at `path`, which nobody has seen yet, by this sh: it keeps what stood there.
    Alter {
        /// Where.
        path: String,
        /// The sh.
        sh: String,
    },
    /// Run this POSIX sh text under `set -e`.
    Shell(String),
    /// The same, where it lets a daemon check or load what is on disk: nothing of it is left when the files of a
    /// failed step are put back and loaded again.
    Load(String),
    /// Remember that a daemon has loaded `value`.
    Loaded {
        /// What was loaded: `nginx.site`.
        name: String,
        /// The hash of what it loaded.
        value: String,
    },
    /// Forget what a daemon has loaded: from here until [`Action::Loaded`] it is unknown.
    Unloaded {
        /// What is about to be loaded.
        name: String,
    },
    /// Wait until the controller has come in over a new connection; fail, and so be undone, if it does not.
    ConfirmAccess {
        /// How long to wait, in seconds.
        seconds: u32,
    },
}

impl Action {
    /// Where something else stands after it.
    pub fn replaces(&self) -> Option<&str> {
        match self {
            Self::Attributes { .. } => None,
            other => other.path(),
        }
    }

    /// What it writes, alters or takes away.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Write { path, .. }
            | Self::Attributes { path, .. }
            | Self::Link { path, .. }
            | Self::Alter { path, .. }
            | Self::Remove { path, .. }
            | Self::Delete { path } => Some(path),
            _ => None,
        }
    }
}

/// How long the host waits for a new connection, in seconds: longer than a firewall that limits connections
/// remembers them.
pub(crate) const PROOF: u32 = 45;

/// One change of one resource: one step of a run. It happens whole, or its files are put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// The resource it belongs to.
    pub id: Id,
    /// What happens to it.
    pub verb: Verb,
    /// One line for a person, without the id.
    pub summary: String,
    /// What it looks like in detail.
    pub details: Vec<Detail>,
    /// What the host does.
    #[serde(skip)]
    pub actions: Vec<Action>,
    /// What the host runs after it has put the files of a failed step back: the step's commands are then taken
    /// to be undone, unless it fails. It may run once more, after a power cut.
    #[serde(skip)]
    pub recover: Option<String>,
}

impl Change {
    /// A change without details or actions yet.
    pub fn new(id: &Id, verb: Verb, summary: impl Into<String>) -> Self {
        Self {
            id: id.clone(),
            verb,
            summary: summary.into(),
            details: Vec::new(),
            actions: Vec::new(),
            recover: None,
        }
    }

    /// Adds a detail.
    pub fn detail(mut self, detail: Detail) -> Self {
        self.details.push(detail);
        self
    }

    /// Adds a remark.
    pub fn note(self, text: impl Into<String>) -> Self {
        self.detail(Detail::Note(text.into()))
    }

    /// Adds an action.
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Lets it last only if the host can still be reached: a new connection must get in, or it is undone.
    pub fn if_access_stays(self) -> Self {
        let text = format!("undone after {PROOF} s unless a new SSH connection gets in");
        self.note(text).action(Action::ConfirmAccess { seconds: PROOF })
    }

    /// Adds a piece of sh.
    pub fn shell(self, text: impl Into<String>) -> Self {
        self.action(Action::Shell(text.into()))
    }
}
