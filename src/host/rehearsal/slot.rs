//! A number and a directory for each host, owned by a living process.
//!
//! The owner holds a lock on a file in the directory. The kernel gives it up however the owner
//! ends, so whatever can be locked by another, and is not kept, is abandoned.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::cgroup::Group;
use super::disk;
use super::error::RehearsalError;
use super::network::{self, Network};

/// The file in a host's directory that holds its name.
pub(super) const NAME: &str = "name";

/// 10.99.0.0/24 is left to people who wire namespaces by hand.
const FIRST: u16 = 64;
const LAST: u16 = 16383;
/// The directory of all hosts in the cache.
const HOSTS: &str = "hosts";
const OWNER: &str = "owner.lock";
const KEPT: &str = "kept";

/// A claimed number with its directory.
#[derive(Debug)]
pub(super) struct Slot {
    number: u16,
    dir: PathBuf,
    /// Locked as long as this lives.
    owner: File,
}

impl Slot {
    /// Claims a free slot, after removing what others abandoned.
    pub(super) fn claim() -> Result<Self, RehearsalError> {
        remove_abandoned();
        let _all = lock_all()?;
        let hosts = disk::cache_dir(HOSTS)?;
        let addresses = network::addresses()?;
        for number in FIRST..=LAST {
            let dir = hosts.join(number.to_string());
            if dir.exists() || Network::of(number).is_taken(&addresses) {
                continue;
            }
            disk::make_dir(&dir)?;
            let path = dir.join(OWNER);
            let owner = File::create(&path).map_err(RehearsalError::io("make", &path))?;
            owner.lock().map_err(RehearsalError::io("lock", &path))?;
            return Ok(Self { number, dir, owner });
        }
        Err(RehearsalError::NoAddress)
    }

    /// Takes over the slot in `dir` if its owner is gone.
    fn take_over(dir: PathBuf) -> Option<Self> {
        let number = dir.file_name()?.to_str()?.parse().ok()?;
        // The file is the first thing made in a slot and the last removed; both under the lock
        // on all, which the caller holds.
        let owner = File::create(dir.join(OWNER)).ok()?;
        owner.try_lock().ok()?;
        Some(Self { number, dir, owner })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of everything that this machine knows the host by.
    pub(super) fn id(&self) -> String {
        format!("hostwright-{}", self.number)
    }

    pub(super) fn network(&self) -> Network {
        Network::of(self.number)
    }

    pub(super) fn group(&self) -> Group {
        Group::new(&self.id())
    }

    /// Lets the host outlive its owner.
    pub(super) fn keep(&self) -> Result<(), RehearsalError> {
        disk::write(&self.dir.join(KEPT), "")
    }

    /// Ends the host and removes everything of it. Goes on after a failure, and reports the first.
    pub(super) fn remove(&self) -> Result<(), RehearsalError> {
        let group = self.group();
        let killed = group.kill();
        let ungrouped = group.remove();
        let network = {
            let _all = lock_all()?;
            self.network().remove()
        };
        // nspawn leaves a directory when it is killed.
        let propagated = disk::remove_tree(&Path::new("/run/systemd/nspawn/propagate").join(self.id()));
        killed.and(ungrouped).and(network).and(propagated)?;
        disk::unmount_below(&self.dir)?;
        let entries = fs::read_dir(&self.dir).map_err(RehearsalError::io("read", &self.dir))?;
        for entry in entries.flatten().filter(|entry| entry.file_name() != OWNER) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                disk::remove_tree(&entry.path())?;
            } else {
                disk::remove_file(&entry.path())?;
            }
        }
        let _all = lock_all()?;
        disk::remove_tree(&self.dir)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that another thread is just starting has the file
        // open too, for a moment.
        let _ = self.owner.unlock();
    }
}

/// Removes the hosts whose owners died without removing them; one that resists is left for the
/// next time.
pub fn remove_abandoned() {
    for slot in ownerless(|dir| !is_kept(dir)).unwrap_or_default() {
        let _ = slot.remove();
    }
}

/// Takes over the hosts that no living process owns, as far as they are wanted.
pub(super) fn ownerless(wanted: impl Fn(&Path) -> bool) -> Result<Vec<Slot>, RehearsalError> {
    let _all = lock_all()?;
    let dirs = dirs()?.into_iter().filter(|dir| wanted(dir));
    Ok(dirs.filter_map(Slot::take_over).collect())
}

/// The directories of all hosts.
pub(super) fn dirs() -> Result<Vec<PathBuf>, RehearsalError> {
    let hosts = disk::cache_dir(HOSTS)?;
    let entries = fs::read_dir(&hosts).map_err(RehearsalError::io("read", &hosts))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect())
}

/// Whether the host in that directory was kept.
pub(super) fn is_kept(dir: &Path) -> bool {
    dir.join(KEPT).exists()
}

/// Waits for the lock on the list of hosts, which is held until the file is dropped.
pub(super) fn lock_all() -> Result<File, RehearsalError> {
    let path = disk::cache_dir(HOSTS)?.join(".lock");
    let lock = || -> io::Result<File> {
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(RehearsalError::io("lock", &path))
}
