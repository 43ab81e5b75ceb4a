//! One throwaway host, from its first boot to its removal.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::command::{cannot_start, follow};
use super::container::{Container, shell};
use super::disk;
use super::error::RehearsalError;
use super::image::Image;
use super::kept::{self, Kept};
use super::keys;
use super::network::{self, Network};
use super::slot::{NAME, Slot, lock_all};

/// What can be chosen about a host.
#[derive(Debug, Clone, Default)]
pub struct BootOptions {
    /// Its host name; without one it gets one that no other has.
    pub name: Option<String>,
}

/// A throwaway host. Dropping it removes every trace of it.
#[derive(Debug)]
pub struct Rehearsal {
    slot: Slot,
    name: String,
    network: Network,
    root: PathBuf,
    upper: PathBuf,
    identity: PathBuf,
    known_hosts: PathBuf,
    /// None while the host is down.
    container: Option<Container>,
    kept: bool,
}

impl Rehearsal {
    /// Boots a new host and returns when its sshd greets.
    ///
    /// # Errors
    /// When the host cannot be made or does not come up.
    pub fn boot(image: &Image, options: &BootOptions) -> Result<Self, RehearsalError> {
        if let Some(name) = options.name.as_ref().filter(|name| !is_host_name(name)) {
            return Err(RehearsalError::BadName { name: name.clone() });
        }
        let slot = Slot::claim()?;
        let name = options.name.clone().unwrap_or_else(|| slot.id());
        let dir = slot.dir();
        // From here on dropping it removes what there is.
        let mut host = Self {
            network: slot.network(),
            root: dir.join("root"),
            upper: dir.join("upper"),
            identity: dir.join(keys::IDENTITY),
            known_hosts: dir.join(keys::KNOWN_HOSTS),
            slot,
            name,
            container: None,
            kept: false,
        };
        host.make_disk(image)?;
        {
            let _all = lock_all()?;
            host.network.create()?;
        }
        host.start()?;
        Ok(host)
    }

    fn make_disk(&self, image: &Image) -> Result<(), RehearsalError> {
        let dir = self.slot.dir();
        disk::write(&dir.join(NAME), &self.name)?;
        disk::mount_overlay(image.layers(), &self.upper, &dir.join("work"), &self.root)?;
        let uuid = "/proc/sys/kernel/random/uuid";
        let uuid = fs::read_to_string(uuid).map_err(RehearsalError::io("read", uuid))?;
        let files = [
            ("etc/machine-id", uuid.replace('-', "")),
            ("etc/hostname", format!("{}\n", self.name)),
            (
                "etc/hosts",
                format!("127.0.0.1 localhost\n127.0.1.1 {}\n::1 localhost\n", self.name),
            ),
            ("etc/resolv.conf", network::resolv_conf()?),
        ];
        for (path, contents) in files {
            let path = self.root.join(path);
            // It may be a link that means something only inside.
            disk::remove_file(&path)?;
            disk::write(&path, &contents)?;
        }
        keys::make(dir, &self.root, self.network.address)
    }

    /// Boots it (again) from its disk and returns when its sshd greets. Does nothing to a
    /// running host.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self) -> Result<(), RehearsalError> {
        if self.container.is_none() {
            let container = Container::start(&self.slot, &self.root, &self.name)?;
            let container = self.container.insert(container);
            container.await_sshd(&self.name, self.network.address)?;
        }
        Ok(())
    }

    /// Cuts its power: every process ends at once. Its disk stays, for [`Self::start`].
    ///
    /// # Errors
    /// When a process cannot be killed.
    pub fn kill(&mut self) -> Result<(), RehearsalError> {
        self.container
            .take()
            .map_or(Ok(()), |container| container.kill(&self.slot.group()))
    }

    /// Shuts it down in order. Its disk stays.
    ///
    /// # Errors
    /// When a process cannot be killed that should have ended.
    pub fn stop(&mut self) -> Result<(), RehearsalError> {
        self.container
            .take()
            .map_or(Ok(()), |container| container.stop(&self.slot.group()))
    }

    /// Shuts it down in order and removes it.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub fn shutdown(mut self) -> Result<(), RehearsalError> {
        self.stop()?;
        self.remove()
    }

    /// Leaves it running when this process ends, until [`super::remove_kept`].
    ///
    /// # Errors
    /// When that cannot be noted on the disk.
    pub fn keep(mut self) -> Result<Kept, RehearsalError> {
        self.slot.keep()?;
        self.kept = true;
        Ok(Kept::of(self.slot.dir()))
    }

    /// Makes its disk, without what is only this host's, the image layer `dir`.
    pub(super) fn move_disk(mut self, dir: &Path) -> Result<(), RehearsalError> {
        self.kill()?;
        disk::unmount_below(&self.root)?;
        let upper = &self.upper;
        let keys = fs::read_dir(upper.join("etc/ssh"))
            .into_iter()
            .flatten()
            .flatten();
        for key in keys.filter(|entry| entry.file_name().to_string_lossy().starts_with("ssh_host_")) {
            disk::remove_file(&key.path())?;
        }
        for file in [
            "etc/machine-id",
            "etc/hostname",
            "etc/hosts",
            "var/lib/systemd/random-seed",
        ] {
            disk::remove_file(&upper.join(file))?;
        }
        for tree in ["root/.ssh", "var/log/journal"] {
            disk::remove_tree(&upper.join(tree))?;
        }
        fs::rename(upper, dir).map_err(RehearsalError::io("make", dir))?;
        self.remove()
    }

    fn remove(&mut self) -> Result<(), RehearsalError> {
        self.kill()?;
        self.slot.remove()?;
        // Nothing is left for drop to do.
        self.kept = true;
        Ok(())
    }

    /// Runs `script` (at most 128 KiB, Linux's limit for one argument) as root with the host's
    /// /bin/sh. It enters through the host's namespaces: no network is needed. Not for a host that shuts down:
    /// nsenter stops with what systemd stops in it, and nobody would let it go on.
    ///
    /// # Errors
    /// When the host is down; a script that fails is no error.
    pub fn exec(&self, script: &str) -> Result<Output, RehearsalError> {
        let mut command = shell(self.init()?, script);
        command.output().map_err(|source| cannot_start(&command, source))
    }

    /// Runs `script` as [`Self::exec`] does, handing each line that it writes to `progress`.
    ///
    /// # Errors
    /// When the host is down, or the script fails.
    pub fn follow(&self, script: &str, progress: &mut dyn FnMut(&str)) -> Result<(), RehearsalError> {
        follow(
            &mut shell(self.init()?, script),
            "see what the script does on such a host",
            progress,
        )
    }

    fn init(&self) -> Result<rustix::process::Pid, RehearsalError> {
        self.slot.group().init().ok_or_else(|| RehearsalError::Down {
            name: self.name.clone(),
        })
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.network.address
    }

    /// This machine's address on the link to it.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.network.gateway
    }

    /// The name of its network namespace, for `ip netns exec`.
    #[must_use]
    pub fn netns(&self) -> &str {
        &self.network.netns
    }

    /// A private key that root's `authorized_keys` has.
    #[must_use]
    pub fn identity(&self) -> &Path {
        &self.identity
    }

    /// A `known_hosts` file with its host key and nothing else.
    #[must_use]
    pub fn known_hosts(&self) -> &Path {
        &self.known_hosts
    }

    /// Its root file system as it sees it, except for what is mounted inside (/run, /proc, …).
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What differs from its image, as overlayfs keeps it.
    #[must_use]
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// How a person enters it.
    #[must_use]
    pub fn ssh_command(&self) -> String {
        kept::ssh_command(self.slot.dir())
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if !self.kept {
            // What resists is found by the next boot on this machine.
            let _ = self.remove();
        }
    }
}

/// hostname(7), narrowed to what people write.
fn is_host_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
