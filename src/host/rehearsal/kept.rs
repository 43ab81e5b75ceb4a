//! Hosts that were left running on purpose.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::cgroup::Group;
use super::error::RehearsalError;
use super::keys;
use super::network::Network;
use super::slot::{self, NAME, NOTE, Slot};

/// A host that outlives the process that booted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, for [`remove_kept`].
    pub name: String,
    /// How a person enters it.
    pub ssh_command: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The words that it was booted with.
    pub note: String,
    /// Whether it runs: this machine may have been switched off meanwhile.
    pub runs: bool,
}

impl Kept {
    /// The host in that directory.
    pub(super) fn of(dir: &Path) -> Self {
        let number = slot::number(dir).unwrap_or_default();
        let read = |name| fs::read_to_string(dir.join(name)).unwrap_or_default();
        Self {
            name: read(NAME),
            ssh_command: ssh_command(dir),
            address: Network::of(number).address,
            note: read(NOTE),
            runs: Group::new(&slot::id(number)).init().is_some(),
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

/// The ssh command for a person. With user data it is not our keys that count.
pub(super) fn ssh_command(dir: &Path) -> String {
    let (identity, known_hosts) = (dir.join(keys::IDENTITY), dir.join(keys::KNOWN_HOSTS));
    let keys = match identity.exists() {
        true => format!(
            "-i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} ",
            identity.display(),
            known_hosts.display()
        ),
        false => String::new(),
    };
    let number = slot::number(dir).unwrap_or_default();
    format!("ssh {keys}root@{}", Network::of(number).address)
}
