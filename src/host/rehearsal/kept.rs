//! Hosts that were left running on purpose.

use std::fs;
use std::path::Path;

use super::error::RehearsalError;
use super::keys;
use super::slot::{self, NAME, Slot};

/// A host that outlives the process that booted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, for [`remove_kept`].
    pub name: String,
    /// How a person enters it.
    pub ssh_command: String,
}

impl Kept {
    /// The host in that directory.
    pub(super) fn of(dir: &Path) -> Self {
        let name = fs::read_to_string(dir.join(NAME)).unwrap_or_default();
        Self {
            name,
            ssh_command: ssh_command(dir),
        }
    }
}

/// The hosts that are kept on this machine.
///
/// # Errors
/// When the directory of hosts cannot be read.
pub fn kept() -> Result<Vec<Kept>, RehearsalError> {
    let dirs = slot::dirs()?.into_iter().filter(|dir| slot::is_kept(dir));
    Ok(dirs.map(|dir| Kept::of(&dir)).collect())
}

/// Removes the kept hosts of that name.
///
/// # Errors
/// When there is none, or one cannot be removed.
pub fn remove_kept(name: &str) -> Result<(), RehearsalError> {
    let mut names: Vec<_> = kept()?.into_iter().map(|kept| kept.name).collect();
    if !names.iter().any(|kept| kept == name) {
        if names.is_empty() {
            names.push("none".to_owned());
        }
        return Err(RehearsalError::NotKept {
            name: name.to_owned(),
            kept: names.join(", "),
        });
    }
    let wanted = |dir: &Path| slot::is_kept(dir) && Kept::of(dir).name == name;
    slot::ownerless(wanted)?.iter().try_for_each(Slot::remove)
}

/// The ssh command for a person: the address is the one that its `known_hosts` begins with.
pub(super) fn ssh_command(dir: &Path) -> String {
    let known_hosts = dir.join(keys::KNOWN_HOSTS);
    let text = fs::read_to_string(&known_hosts).unwrap_or_default();
    format!(
        "ssh -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} root@{}",
        dir.join(keys::IDENTITY).display(),
        known_hosts.display(),
        text.split(' ').next().unwrap_or_default()
    )
}
