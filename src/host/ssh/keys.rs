//! The keys to log in with, in the order in which they are tried.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::config::Resolved;
use super::error::SshError;
use super::key_file::{self, KeyFile};
use super::options::{Options, home};

pub(super) type Agent = AgentClient<UnixStream>;

/// To list its keys an agent asks nobody, so this is plenty.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// A key that can sign, or could once it is unlocked.
pub(super) struct Key {
    pub public: PublicKey,
    /// What vouches for it.
    pub certificate: Option<Certificate>,
    pub holder: Holder,
    /// How messages name it.
    pub label: String,
}

/// Who has the private half.
#[derive(Clone)]
pub(super) enum Holder {
    File(Arc<PrivateKey>),
    /// An encrypted file.
    Locked(PathBuf),
    Agent,
}

/// All keys worth trying, and the agent that signs for some of them.
#[derive(Default)]
pub(super) struct Keys {
    pub keys: Vec<Key>,
    pub agent: Option<Agent>,
    /// What is not tried, and why.
    pub unused: Vec<String>,
}

impl Keys {
    fn add(&mut self, key: Key) {
        let is_same = |other: &Key| {
            other.public.key_data() == key.public.key_data() && other.certificate == key.certificate
        };
        if !self.keys.iter().any(is_same) {
            self.keys.push(key);
        }
    }

    /// A certificate goes ahead of the key that it vouches for.
    fn certify(&mut self, file: &Path, certificate: Certificate) {
        let name = file.display();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        if now < certificate.valid_after() || certificate.valid_before() <= now {
            self.unused
                .push(format!("the certificate {name} is not valid now"));
            return;
        }
        let is_its =
            |key: &Key| key.certificate.is_none() && key.public.key_data() == certificate.public_key();
        let Some(at) = self.keys.iter().position(is_its) else {
            self.unused
                .push(format!("there is no key for the certificate {name}"));
            return;
        };
        let key = Key {
            public: self.keys[at].public.clone(),
            holder: self.keys[at].holder.clone(),
            certificate: Some(certificate),
            label: name.to_string(),
        };
        let is_known = self.keys.iter().any(|other| other.certificate == key.certificate);
        if !is_known {
            self.keys.insert(at, key);
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

/// What the agent holds: a key, perhaps its certificate, and what it is called.
type Held = (PublicKey, Option<Certificate>, String);

/// Finds the keys: `-i FILE`; or the configuration's `IdentityFile` and then the agent's, unless it says
/// `IdentitiesOnly`; or else the agent's and the usual files. Those that are likelier to be let in go first.
pub(super) async fn find(host: &str, resolved: &Resolved, options: &Options) -> Result<Keys, SshError> {
    let (agent, held) = match &resolved.agent {
        Some(socket) => ask_agent(socket).await.unwrap_or_default(),
        None => Default::default(),
    };
    let mut found = Keys {
        agent,
        ..Keys::default()
    };
    let (files, named_by) = files(resolved, options);
    for file in &files {
        match (open(file, &held, options), named_by) {
            (Ok(Some(key)), _) => found.add(key),
            (Ok(None), _) => found.unused.push(format!(
                "{} is a security key that the ssh-agent does not hold (`ssh-add` adds it)",
                file.display()
            )),
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
    let of_agent = match named_by {
        NamedBy::CommandLine => false,
        NamedBy::Configuration => !resolved.identities_only,
        NamedBy::Nobody => true,
    };
    if of_agent {
        held.iter().for_each(|held| found.add(in_agent(held)));
    }
    for file in files
        .iter()
        .map(|file| beside(file))
        .chain(resolved.certificates.clone())
    {
        match Certificate::read_file(&file) {
            Ok(certificate) => found.certify(&file, certificate),
            Err(_) if !resolved.certificates.contains(&file) => {}
            Err(error) => found.unused.push(format!(
                "the certificate {} cannot be read: {error}",
                file.display()
            )),
        }
    }
    let accepted = |key: &Key| {
        resolved
            .algorithms
            .accept(&key.public.algorithm(), key.certificate.is_some())
    };
    found.keys.retain(accepted);
    // Stable: else the order stays.
    found
        .keys
        .sort_by_key(|key| std::cmp::Reverse(likelihood(key, host, resolved, named_by, options)));
    let can_be_asked = options.person.is_some() && !resolved.batch;
    if !can_be_asked {
        let is_locked = |key: &Key| matches!(key.holder, Holder::Locked(_));
        let locked = found
            .keys
            .iter()
            .filter(|key| is_locked(key))
            .map(|key| key.label.clone());
        let locked: Vec<String> = locked.collect();
        found.keys.retain(|key| !is_locked(key));
        if let ([file, ..], true, None) = (&locked[..], found.keys.is_empty(), &options.password) {
            return Err(SshError::EncryptedKey { file: file.into() });
        }
        let note = |label: &String| format!("{label} is encrypted");
        found.unused.extend(locked.iter().map(note));
    }
    let can_do_without = options.password.is_some() || can_be_asked;
    if !found.keys.is_empty() || can_do_without || !found.unused.is_empty() {
        return Ok(found);
    }
    let mut looked: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    if of_agent {
        looked.insert(0, "the ssh-agent".to_owned());
    }
    found
        .unused
        .push(format!("there is no SSH key in {}", looked.join(", ")));
    Ok(found)
}

/// A server takes a few tries only (sshd_config(5), MaxAuthTries).
fn likelihood(key: &Key, host: &str, resolved: &Resolved, named_by: NamedBy, options: &Options) -> u8 {
    let is_of_file = !matches!(key.holder, Holder::Agent);
    let names_host = || {
        let bare = host.split(':').next().unwrap_or(host);
        [bare, &resolved.host_name]
            .iter()
            .any(|name| key.label.contains(*name))
    };
    match named_by {
        _ if options.memory.has_worked(&key.public) => 3,
        NamedBy::CommandLine | NamedBy::Configuration if is_of_file => 2,
        _ if names_host() => 1,
        _ => 0,
    }
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

/// The key of a file; `None` if it is one of a security key that the agent does not hold.
fn open(file: &Path, held: &[Held], options: &Options) -> io::Result<Option<Key>> {
    let find_in_agent = |public: &PublicKey| {
        let is_it = |held: &&Held| held.1.is_none() && held.0.key_data() == public.key_data();
        held.iter().find(is_it).map(in_agent)
    };
    let key = |public: PublicKey, holder| Key {
        public,
        certificate: None,
        holder,
        label: file.display().to_string(),
    };
    Ok(match key_file::read(file)? {
        KeyFile::Private(private) => match private.algorithm() {
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => find_in_agent(private.public_key()),
            _ => Some(key(private.public_key().clone(), Holder::File(private))),
        },
        KeyFile::Encrypted(public) => {
            let unlocked = options.memory.unlocked(file);
            match (unlocked, public.as_ref().and_then(find_in_agent), public) {
                (Some(private), _, _) => Some(key(private.public_key().clone(), Holder::File(private))),
                (None, Some(held), _) => Some(held),
                (None, None, Some(public)) => Some(key(public, Holder::Locked(file.to_owned()))),
                (None, None, None) => {
                    return Err(io::Error::other(
                        "it is encrypted, and says of which public key it is neither itself nor in a .pub file beside it",
                    ));
                }
            }
        }
        KeyFile::Public(public) => match find_in_agent(&public) {
            Some(key) => Some(key),
            None => {
                return Err(io::Error::other(
                    "it is a public key, and no ssh-agent holds the private one",
                ));
            }
        },
    })
}

/// The certificate of a key file (ssh_config(5), CertificateFile).
fn beside(file: &Path) -> PathBuf {
    let name = file.as_os_str().to_string_lossy();
    format!("{}-cert.pub", name.strip_suffix(".pub").unwrap_or(&name)).into()
}

fn in_agent((key, certificate, comment): &Held) -> Key {
    let what = match certificate {
        Some(_) => "certificate",
        None => "key",
    };
    Key {
        public: key.clone(),
        certificate: certificate.clone(),
        holder: Holder::Agent,
        label: match comment.is_empty() {
            true => format!("an {} {what} of the agent", key.algorithm().as_str()),
            false => format!("the agent's {what} {comment}"),
        },
    }
}

/// The agent and its keys; `None` if it is gone, silent or speaks nonsense, which is like none at all.
async fn ask_agent(socket: &Path) -> Option<(Option<Agent>, Vec<Held>)> {
    let ask = async {
        let mut agent = Agent::connect_uds(socket).await.ok()?;
        let identities = agent.request_identities().await.ok()?;
        let keys = identities.into_iter().map(|identity| match identity {
            AgentIdentity::PublicKey { key, comment } => (key, None, comment),
            AgentIdentity::Certificate { certificate, comment } => {
                let key = PublicKey::from(certificate.public_key().clone());
                (key, Some(certificate), comment)
            }
        });
        Some((Some(agent), keys.collect()))
    };
    timeout(AGENT_TIMEOUT, ask).await.ok()?
}
