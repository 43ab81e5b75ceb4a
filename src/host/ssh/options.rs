//! What a caller may choose about a connection, and where the files stand by default.

use std::env;
use std::path::{Path, PathBuf};

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
    /// The SSH configuration, which must exist if it is named. Default: `~/.ssh/config` and
    /// `/etc/ssh/ssh_config`, if they exist.
    pub config: Option<PathBuf>,
    /// The socket of the ssh-agent. Default: `IdentityAgent` of the configuration, else `$SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
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
