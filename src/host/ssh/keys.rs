//! The keys to log in with, in the order in which they are tried.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::config::Resolved;
use super::error::SshError;
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
}

/// Finds the keys: `-i FILE`, or the configuration's `IdentityFile`, else the agent's and the usual files.
pub(super) async fn find(host: &str, resolved: &Resolved, options: &Options) -> Result<Keys, SshError> {
    let (agent, held) = match options.agent_socket() {
        Some(socket) => ask_agent(&socket).await.unwrap_or_default(),
        None => Default::default(),
    };
    let mut found = Keys {
        keys: Vec::new(),
        agent,
    };
    let mut encrypted = None;

    // Only a file that was named on the command line must exist.
    let must_exist = options.identity.is_some();
    let usual = || {
        ["id_ed25519", "id_ecdsa", "id_rsa"]
            .map(|name| home().join(".ssh").join(name))
            .to_vec()
    };
    let (files, named) = match &options.identity {
        Some(file) => (vec![file.clone()], true),
        None if !resolved.identities.is_empty() => (resolved.identities.clone(), true),
        None => (usual(), false),
    };
    if !named {
        found
            .keys
            .extend(held.iter().map(|(key, comment)| in_agent(key, comment)));
    }
    for path in &files {
        let key = match read(path) {
            Ok(Contents::Private(key)) => Key::File {
                path: path.clone(),
                key,
            },
            Ok(Contents::Locked(public)) => {
                let same = |(key, _): &&(PublicKey, String)| {
                    public
                        .as_ref()
                        .is_some_and(|public| public.key_data() == key.key_data())
                };
                match held.iter().find(same) {
                    Some((key, comment)) => in_agent(key, comment),
                    None => {
                        encrypted.get_or_insert(path);
                        continue;
                    }
                }
            }
            Err((ErrorKind::NotFound, _)) if !must_exist => continue,
            // A file that nobody named may be anything.
            Err(_) if !named => continue,
            Err((_, cause)) => {
                return Err(SshError::KeyFile {
                    file: path.clone(),
                    cause,
                });
            }
        };
        if !found
            .keys
            .iter()
            .any(|other| other.public().key_data() == key.public().key_data())
        {
            found.keys.push(key);
        }
    }
    if !found.keys.is_empty() {
        return Ok(found);
    }
    match encrypted {
        Some(file) => Err(SshError::EncryptedKey { file: file.clone() }),
        None => {
            let mut looked: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
            if !named {
                looked.insert(0, "the ssh-agent".into());
            }
            let user = resolved.user.clone();
            Err(SshError::NoKey {
                user,
                host: host.to_owned(),
                looked: looked.join(", "),
            })
        }
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

enum Contents {
    Private(Arc<PrivateKey>),
    /// Encrypted, or a public key in place of a private one: the agent may hold the rest.
    Locked(Option<PublicKey>),
}

fn read(path: &Path) -> Result<Contents, (ErrorKind, String)> {
    let text = fs::read_to_string(path).map_err(|error| (error.kind(), error.to_string()))?;
    if let Ok(public) = PublicKey::from_openssh(text.trim()) {
        return Ok(Contents::Locked(Some(public)));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(Contents::Private(Arc::new(key))),
        // OpenSSH's own format keeps the public half readable; of the others it stands in the .pub file.
        Err(_) if is_encrypted(&text) => {
            let public = PrivateKey::from_openssh(&text).map(|key| key.public_key().clone());
            Ok(Contents::Locked(public.ok().or_else(|| beside(path))))
        }
        Err(error) => Err((ErrorKind::InvalidData, error.to_string())),
    }
}

fn is_encrypted(text: &str) -> bool {
    text.contains("BEGIN ENCRYPTED PRIVATE KEY")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}

fn beside(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PublicKey::from_openssh(fs::read_to_string(name).ok()?.trim()).ok()
}
