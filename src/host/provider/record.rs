//! What this machine remembers of a machine that it ordered: `$XDG_STATE_HOME/hostwright/PROVIDER/LABEL/`, by default
//! under `~/.local/state`. It is written before the order is sent, so that neither a lost answer nor a lost power
//! line makes an order that nobody knows.
//!
//! `tag` is the order's own tag, `host_key` and `host_key.pub` are the key that the machine is given, `known_hosts`
//! says at which address it is known, `password` is root's first one. The private half of the host key goes when the
//! machine has shown that it has it.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;

use ring::rand::{SecureRandom, SystemRandom};

use super::error::ProviderError;
use super::machine::{Machine, OURS};
use super::secrets::{HostKey, Password, folder, private_folder, record, write_private};
use crate::host::ssh;

/// What is remembered of one label.
#[derive(Debug)]
pub struct Record {
    label: String,
    folder: PathBuf,
    /// Held as long as this lives, by whoever changes something.
    lock: Option<File>,
}

impl Record {
    /// What is remembered of a label, to be read. A label that we would not give has nothing.
    pub fn of(provider: &str, label: &str) -> Option<Self> {
        is_label(label).then(|| Self::at(folder("XDG_STATE_HOME", ".local/state").join(provider), label))
    }

    fn at(folder: PathBuf, label: &str) -> Self {
        Self {
            folder: folder.join(label),
            label: label.to_owned(),
            lock: None,
        }
    }

    /// The same, to be changed; nobody else on this machine does meanwhile.
    ///
    /// # Errors
    /// When the label is none, the folder cannot be made, or another process has it.
    pub fn open(provider: &str, label: &str) -> Result<Self, ProviderError> {
        let bad = || ProviderError::BadLabel {
            label: label.to_owned(),
        };
        let mut this = Self::of(provider, label).ok_or_else(bad)?;
        this.take()?;
        Ok(this)
    }

    fn take(&mut self) -> Result<(), ProviderError> {
        private_folder(&self.folder).map_err(|error| record("make", &self.folder, &error))?;
        let path = self.folder.join("lock");
        let lock = File::create(&path).map_err(|error| record("make", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => self.lock = Some(lock),
            Err(TryLockError::WouldBlock) => {
                let label = self.label.clone();
                return Err(ProviderError::Locked { label });
            }
            Err(TryLockError::Error(error)) => return Err(record("lock", &path, &error)),
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ProviderError> {
        let path = self.folder.join(name);
        write_private(&path, &format!("{}\n", text.trim_end()), false)
            .map_err(|error| record("write", &path, &error))
    }

    /// The tag of the order.
    pub fn tag(&self) -> Option<String> {
        self.read("tag")
    }

    /// Whether this is about that machine: it bears the order's tag.
    pub fn is_of(&self, machine: &Machine) -> bool {
        self.tag().is_some_and(|tag| machine.has_tag(&tag))
    }

    /// The public half of the machine's host key.
    pub fn host_key(&self) -> Option<String> {
        self.read("host_key.pub")
    }

    /// The order that was given and of which nobody knows yet what became, if there is one.
    pub fn open_order(&self) -> Option<(String, HostKey)> {
        let private = format!("{}\n", self.read("host_key")?);
        Some((
            self.tag()?,
            HostKey {
                private,
                public: self.host_key()?,
            },
        ))
    }

    /// Remembers a new order, before it is sent.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&self) -> Result<(String, HostKey), ProviderError> {
        let mut bytes = [0_u8; 8];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| ProviderError::Random)?;
        let random: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (tag, key) = (format!("{OURS}-{random}"), HostKey::new(&self.label)?);
        for name in ["tag", "known_hosts", "password"] {
            self.remove(name)?;
        }
        self.write("host_key", &key.private)?;
        self.write("host_key.pub", &key.public)?;
        self.write("tag", &tag)?;
        Ok((tag, key))
    }

    /// Keeps root's first password, which the provider tells for some minutes only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_password(&self, password: &Password) -> Result<(), ProviderError> {
        self.write("password", &password.0)
    }

    /// Where root's first password stands, if it is there.
    pub fn password_file(&self) -> Option<PathBuf> {
        let path = self.folder.join("password");
        path.exists().then_some(path)
    }

    /// Says at which address the machine is known by its key, and gives the `known_hosts` file. None if nothing is
    /// known of its key.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn known_hosts(&self, address: IpAddr) -> Result<Option<PathBuf>, ProviderError> {
        let Some(key) = self.host_key() else {
            return Ok(None);
        };
        let line = ssh::known_host(address, &key);
        if self.read("known_hosts").as_deref() != Some(line.as_str()) {
            self.write("known_hosts", &line)?;
        }
        Ok(Some(self.folder.join("known_hosts")))
    }

    /// The machine has shown that it has its key: the private half is not needed here any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn finish(&self) -> Result<(), ProviderError> {
        self.remove("host_key")
    }

    /// Forgets everything: the machine is gone, or its order was refused.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self) -> Result<(), ProviderError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(record("remove", &self.folder, &error)),
            _ => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<(), ProviderError> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(record("remove", &path, &error)),
            _ => Ok(()),
        }
    }
}

/// A host name (hostname(7), in what people write) that is no port either.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && label.bytes().any(|byte| !byte.is_ascii_digit())
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_order_is_remembered_until_it_is_known_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::at(folder.path().join("vultr"), "mcp-1");
        record.take().unwrap();
        let mut other = Record::at(folder.path().join("vultr"), "mcp-1");
        assert!(matches!(other.take(), Err(ProviderError::Locked { .. })));

        assert_eq!(record.open_order(), None);
        let order = record.begin().unwrap();
        assert_eq!(record.open_order(), Some(order.clone()));
        record.keep_password(&Password("first".into())).unwrap();
        let address = "203.0.113.7".parse().unwrap();
        let file = record.known_hosts(address).unwrap().unwrap();
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            format!("203.0.113.7 {}\n", order.1.public.trim_end_matches(" mcp-1"))
        );
        for entry in fs::read_dir(&record.folder).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let is_lock = entry.file_name() == "lock";
            assert!(is_lock || mode == 0o600, "{:?} {mode:o}", entry.file_name());
        }

        record.finish().unwrap();
        assert_eq!(record.open_order(), None);
        assert_eq!(record.host_key(), Some(order.1.public));
        let again = record.begin().unwrap();
        assert_ne!(again.0, order.0);
        assert_eq!(record.password_file(), None);
        record.forget().unwrap();
        assert_eq!(record.tag(), None);
    }

    #[test]
    fn a_label_is_a_host_name_and_no_port() {
        for label in ["a", "mcp-1", "1a"] {
            assert!(is_label(label), "{label}");
        }
        let long = "a".repeat(64);
        for label in ["", "22", "-a", "a-", "A", "a.b", "a/b", "..", "ä", &long] {
            assert!(!is_label(label), "{label}");
        }
    }
}
