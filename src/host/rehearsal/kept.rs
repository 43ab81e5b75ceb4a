//! Hosts that were left running on purpose.

use std::fs;
use std::path::Path;

use super::error::RehearsalError;
use super::keys;
use super::machine::NAME;
use super::slot::{self, Slot};

/// A host that outlives the process that booted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, for [`remove_kept`].
    pub name: String,
    /// How a person enters it.
    pub ssh_command: String,
}

impl Kept {
    pub(super) fn of(slot: &Slot) -> Self {
        let name = fs::read_to_string(slot.dir().join(NAME)).unwrap_or_default();
        Self {
            name,
            ssh_command: ssh_command(slot.dir(), &slot.network().address.to_string()),
        }
    }
}

/// The hosts that are kept on this machine.
///
/// # Errors
/// When the directory of hosts cannot be read.
pub fn kept() -> Result<Vec<Kept>, RehearsalError> {
    Ok(slot::kept()?.iter().map(Kept::of).collect())
}

/// Removes the kept hosts of that name.
///
/// # Errors
/// When there is none, or one cannot be removed.
pub fn remove_kept(name: &str) -> Result<(), RehearsalError> {
    let slots = slot::kept()?;
    let (wanted, others): (Vec<_>, Vec<_>) = slots.iter().partition(|slot| Kept::of(slot).name == name);
    if wanted.is_empty() {
        let others: Vec<_> = others.into_iter().map(|slot| Kept::of(slot).name).collect();
        let kept = if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(", ")
        };
        return Err(RehearsalError::NotKept {
            name: name.to_owned(),
            kept,
        });
    }
    wanted.into_iter().try_for_each(Slot::remove)
}

/// The ssh command for a person.
pub(super) fn ssh_command(dir: &Path, address: &str) -> String {
    format!(
        "ssh -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} root@{address}",
        dir.join(keys::IDENTITY).display(),
        dir.join(keys::KNOWN_HOSTS).display()
    )
}
