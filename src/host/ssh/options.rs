//! What a caller may choose about a connection, and where the files stand by default.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::PublicKey;

use super::person::{Password, Person};
use super::root::Become;

/// What may be chosen for a connection. The default is what `ssh` itself would use.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The one key file to log in with (`-i`). Default: `IdentityFile` of the configuration and the agent's
    /// keys, else the agent's, then `id_ed25519`, `id_ecdsa` and `id_rsa` of `~/.ssh`.
    pub identity: Option<PathBuf>,
    /// The one file of known host keys, read and appended to. Default: those of the configuration, else
    /// `~/.ssh/known_hosts`, and `/etc/ssh/ssh_known_hosts` for reading.
    pub known_hosts: Option<PathBuf>,
    /// Remember the key of a host that is not known yet. A changed key is refused all the same.
    pub accept_new: bool,
    /// The fingerprint that the host's key must have, as ssh-keygen prints it (`SHA256:…`). One that is not known yet
    /// is remembered when it has it.
    pub fingerprint: Option<String>,
    /// The SSH configuration, which must exist if it is named. Default: `~/.ssh/config` and
    /// `/etc/ssh/ssh_config`, if they exist.
    pub config: Option<PathBuf>,
    /// The socket of the ssh-agent. Default: `IdentityAgent` of the configuration, else `$SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    /// The password to log in with where keys do not do.
    pub password: Option<Password>,
    /// The one to replace it with where it has expired.
    pub new_password: Option<Password>,
    /// No key is tried: those of an agent could use up what the host takes of tries before a password.
    pub without_keys: bool,
    /// Nothing but keys is tried.
    pub keys_only: bool,
    /// The password of the remote user for sudo, or root's for su.
    pub root_password: Option<Password>,
    /// Who answers questions. Default: nobody, so that what would need an answer is an error.
    pub person: Option<Person>,
    /// How long a host may take until it lets anybody in, as one that boots. Default: no time.
    pub wait: Duration,
    /// What was learnt on earlier connections.
    pub memory: Memory,
}

/// What one connection learns for the next ones. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Learnt>>);

#[derive(Debug, Default)]
struct Learnt {
    keys: Vec<PublicKey>,
    unlocked: Vec<(PathBuf, Arc<russh::keys::PrivateKey>)>,
    root: Option<Become>,
    has_new_password: bool,
}

impl Memory {
    /// A key that was let in.
    pub(super) fn worked(&self, key: &PublicKey) {
        let mut learnt = self.learnt();
        if !learnt.keys.iter().any(|known| known.key_data() == key.key_data()) {
            learnt.keys.push(key.clone());
        }
    }

    pub(super) fn has_worked(&self, key: &PublicKey) -> bool {
        self.learnt()
            .keys
            .iter()
            .any(|known| known.key_data() == key.key_data())
    }

    /// A file that was encrypted.
    pub(super) fn unlocked(&self, file: &Path) -> Option<Arc<russh::keys::PrivateKey>> {
        let learnt = self.learnt();
        let found = learnt.unlocked.iter().find(|(known, _)| known == file);
        found.map(|(_, key)| Arc::clone(key))
    }

    pub(super) fn unlock(&self, file: &Path, key: &Arc<russh::keys::PrivateKey>) {
        self.learnt().unlocked.push((file.to_owned(), Arc::clone(key)));
    }

    /// The password to log in with was replaced by the new one.
    pub fn has_new_password(&self) -> bool {
        self.learnt().has_new_password
    }

    pub(super) fn replaced_password(&self) {
        self.learnt().has_new_password = true;
    }

    /// How a user became root.
    pub(super) fn root(&self) -> Option<Become> {
        self.learnt().root
    }

    pub(super) fn became(&self, root: Become) {
        self.learnt().root = Some(root);
    }

    fn learnt(&self) -> std::sync::MutexGuard<'_, Learnt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Options {
    /// Those for a host on the way to another: what was chosen for that one says nothing of it.
    pub(super) fn on_the_way(&self) -> Self {
        Self {
            identity: None,
            fingerprint: None,
            password: None,
            new_password: None,
            keys_only: false,
            without_keys: false,
            wait: Duration::ZERO,
            ..self.clone()
        }
    }
}

/// The file that `-F` of ssh names, or would.
pub(super) fn user_file(options: &Options) -> PathBuf {
    let usual = || home().join(".ssh/config");
    options.config.clone().unwrap_or_else(usual)
}

/// The socket that a variable names.
pub(super) fn agent_socket(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// The home directory of whoever runs this, `/` if they have none.
pub(super) fn home() -> PathBuf {
    env::home_dir()
        .filter(|home| !home.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("/").into())
}

/// The name of whoever runs this: the remote user when nobody names one, as with `ssh`.
pub(super) fn local_user() -> String {
    let named = |variable| env::var(variable).ok().filter(|name| !name.is_empty());
    named("USER")
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "root".into())
}
