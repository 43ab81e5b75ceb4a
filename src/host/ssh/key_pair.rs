//! The key that a host is to let in: one that is there, or a new one.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::keys::{HashAlg, PublicKey};

use super::config;
use super::error::SshError;
use super::key_file::{self, KeyFile};
use super::options::{Options, home, local_user};
use super::own::{NewKey, new_key};
use crate::host::target::Target;

/// A key of ours.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The file with the private half.
    pub path: PathBuf,
    /// The line for `authorized_keys`.
    pub line: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// It was not there before.
    pub is_new: bool,
}

impl KeyPair {
    /// Where the key is, or would be: the one of `-i`, else the first of the configuration, else the first of the
    /// usual ones that is there, else `~/.ssh/id_ed25519`.
    ///
    /// # Errors
    /// [`SshError::Config`] and its sisters.
    pub async fn place(target: &Target, options: &Options) -> Result<PathBuf, SshError> {
        let resolved = config::resolve(target, options).await?;
        let usual = ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| home().join(".ssh").join(name));
        let named = options.identity.clone();
        let named = named.or_else(|| resolved.identities?.into_iter().next());
        let [first, ..] = &usual;
        let there = || usual.iter().find(|path| path.exists()).unwrap_or(first).clone();
        Ok(named.unwrap_or_else(there))
    }

    /// Reads the key at a path, or makes one there.
    ///
    /// # Errors
    /// [`SshError::KeyFile`].
    pub fn read_or_make(path: &Path) -> Result<Self, SshError> {
        Self::at(path).map_err(|error| SshError::KeyFile {
            file: path.to_owned(),
            cause: error.to_string(),
        })
    }

    fn at(path: &Path) -> io::Result<Self> {
        let (public, is_new) = match key_file::read(path) {
            Ok(KeyFile::Private(key)) => (key.public_key().clone(), false),
            Ok(KeyFile::Encrypted(Some(key)) | KeyFile::Public(key)) => (key, false),
            Ok(KeyFile::Encrypted(None)) => {
                return Err(io::Error::other(
                    "it is encrypted, and has no .pub file beside it",
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (make(path)?, true),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            line: public.to_openssh().map_err(io::Error::other)?,
            fingerprint: public.fingerprint(HashAlg::Sha256).to_string(),
            is_new,
        })
    }
}

/// Makes an ed25519 key pair as ssh-keygen does, without a passphrase.
fn make(path: &Path) -> io::Result<PublicKey> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let comment = format!("{}@{}", local_user(), host.trim());
    let NewKey { private, public } =
        new_key(&comment).ok_or_else(|| io::Error::other("this machine gives no random numbers"))?;
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    write(path, private.as_bytes(), 0o600)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    write(Path::new(&beside), format!("{public}\n").as_bytes(), 0o644)?;
    PublicKey::from_openssh(&public).map_err(io::Error::other)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn a_new_key_is_one_that_ssh_keygen_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/id_ed25519");
        let made = KeyPair::at(&path).unwrap();
        assert!(made.is_new && made.line.starts_with("ssh-ed25519 "));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let again = KeyPair::at(&path).unwrap();
        assert_eq!((again.is_new, &again.line), (false, &made.line));
        if let Ok(read) = Command::new("ssh-keygen").arg("-yf").arg(&path).output() {
            let line = String::from_utf8(read.stdout).unwrap();
            assert_eq!(line.trim(), made.line);
        }
        let pub_file = fs::read_to_string(path.with_extension("pub")).unwrap();
        assert_eq!(pub_file.trim(), made.line);
    }
}
