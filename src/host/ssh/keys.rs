//! The keys to log in with, in the order in which they are tried.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{PrivateKey, PublicKey};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::config::Resolved;
use super::error::SshError;
use super::key_file::{self, KeyFile};
use super::options::{Options, home};

pub(super) type Agent = AgentClient<UnixStream>;

/// To list its keys an agent asks nobody, so this is plenty.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// A key that can sign.
pub(super) enum Key {
    File { path: PathBuf, key: Arc<PrivateKey> },
    Agent { comment: String, key: PublicKey },
}

impl Key {
    pub fn public(&self) -> &PublicKey {
        match self {
            Key::File { key, .. } => key.public_key(),
            Key::Agent { key, .. } => key,
        }
    }

    /// How messages name it.
    pub fn label(&self) -> String {
        match self {
            Key::File { path, .. } => path.display().to_string(),
            Key::Agent { comment, key } if comment.is_empty() => {
                format!("an {} key of the agent", key.algorithm().as_str())
            }
            Key::Agent { comment, .. } => format!("the agent's key {comment}"),
        }
    }
}

/// All keys worth trying, and the agent that signs for some of them.
pub(super) struct Keys {
    pub keys: Vec<Key>,
    pub agent: Option<Agent>,
    /// Encrypted files whose key the agent does not hold.
    pub locked: Vec<PathBuf>,
}

impl Keys {
    fn add(&mut self, key: Key) {
        let is_same = |other: &Key| other.public().key_data() == key.public().key_data();
        if !self.keys.iter().any(is_same) {
            self.keys.push(key);
        }
    }
}

/// Who named the key files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NamedBy {
    CommandLine,
    Configuration,
    Nobody,
}

/// Finds the keys: `-i FILE`; or the configuration's `IdentityFile` and then the agent's, unless it says
/// `IdentitiesOnly`; or else the agent's and the usual files.
pub(super) async fn find(host: &str, resolved: &Resolved, options: &Options) -> Result<Keys, SshError> {
    let (agent, held) = match &resolved.agent {
        Some(socket) => ask_agent(socket).await.unwrap_or_default(),
        None => Default::default(),
    };
    let mut found = Keys {
        keys: Vec::new(),
        agent,
        locked: Vec::new(),
    };
    let (files, named_by) = files(resolved, options);
    if named_by == NamedBy::Nobody {
        held.iter()
            .for_each(|(key, comment)| found.add(in_agent(key, comment)));
    }
    for file in &files {
        match (open(file, &held), named_by) {
            (Ok(Some(key)), _) => found.add(key),
            (Ok(None), _) => found.locked.push(file.clone()),
            // A file that nobody named may be anything, and one in the configuration may be absent.
            (Err(_), NamedBy::Nobody) => {}
            (Err(error), NamedBy::Configuration) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), _) => {
                return Err(SshError::KeyFile {
                    file: file.clone(),
                    cause: error.to_string(),
                });
            }
        }
    }
    if named_by == NamedBy::Configuration && !resolved.identities_only {
        held.iter()
            .for_each(|(key, comment)| found.add(in_agent(key, comment)));
    }
    if !found.keys.is_empty() {
        return Ok(found);
    }
    if let Some(file) = found.locked.into_iter().next() {
        return Err(SshError::EncryptedKey { file });
    }
    let mut looked: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    if named_by == NamedBy::Nobody || (named_by == NamedBy::Configuration && !resolved.identities_only) {
        looked.insert(0, "the ssh-agent".to_owned());
    }
    let (user, host) = (resolved.user.clone(), host.to_owned());
    Err(SshError::NoKey {
        user,
        host,
        looked: looked.join(", "),
    })
}

fn files(resolved: &Resolved, options: &Options) -> (Vec<PathBuf>, NamedBy) {
    if let Some(file) = &options.identity {
        return (vec![file.clone()], NamedBy::CommandLine);
    }
    if let Some(files) = &resolved.identities {
        return (files.clone(), NamedBy::Configuration);
    }
    let usual = ["id_ed25519", "id_ecdsa", "id_rsa"];
    (
        usual.iter().map(|name| home().join(".ssh").join(name)).collect(),
        NamedBy::Nobody,
    )
}

/// The key of a file; `None` if it is encrypted and not among those the agent holds.
fn open(file: &Path, held: &[(PublicKey, String)]) -> io::Result<Option<Key>> {
    let find_in_agent = |public: PublicKey| {
        let same = held.iter().find(|(key, _)| key.key_data() == public.key_data());
        same.map(|(key, comment)| in_agent(key, comment))
    };
    match key_file::read(file)? {
        KeyFile::Private(key) => Ok(Some(Key::File {
            path: file.to_owned(),
            key,
        })),
        KeyFile::Encrypted(public) => Ok(public.and_then(find_in_agent)),
        KeyFile::Public(public) => match find_in_agent(public) {
            Some(key) => Ok(Some(key)),
            None => Err(io::Error::other(
                "it is a public key, and no ssh-agent holds the private one",
            )),
        },
    }
}

fn in_agent(key: &PublicKey, comment: &str) -> Key {
    Key::Agent {
        comment: comment.to_owned(),
        key: key.clone(),
    }
}

/// The agent and its keys; `None` if it is gone, silent or speaks nonsense, which is like none at all.
async fn ask_agent(socket: &Path) -> Option<(Option<Agent>, Vec<(PublicKey, String)>)> {
    let ask = async {
        let mut agent = Agent::connect_uds(socket).await.ok()?;
        let identities = agent.request_identities().await.ok()?;
        let keys = identities.into_iter().filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, comment } => Some((key, comment)),
            AgentIdentity::Certificate { .. } => None,
        });
        Some((Some(agent), keys.collect()))
    };
    timeout(AGENT_TIMEOUT, ask).await.ok()?
}
