//! Whether a host's key is trusted: reads the known_hosts files and remembers new hosts.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::Preferred;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::config::{DEFAULT_PORT, Resolved};
use super::error::{ChangedKey, SshError};
use super::known_hosts::{KnownHosts, Verdict, entry_name};

/// What is known about one host, and whether it may be learnt.
pub(super) struct HostKeys {
    known: KnownHosts,
    /// The host as the person named it.
    host: String,
    name: String,
    port: u16,
    /// Where a new key is written.
    file: Option<PathBuf>,
    /// How a person may learn it; for a message.
    learn: String,
    accept_new: bool,
}

impl HostKeys {
    pub fn load(host: &str, resolved: &Resolved) -> Result<Self, SshError> {
        let mut known = KnownHosts::default();
        for file in &resolved.known_hosts {
            match fs::read(file) {
                Ok(bytes) => known.add(file, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(file, &error)),
            }
        }
        Ok(HostKeys {
            known,
            host: host.to_owned(),
            name: resolved
                .known_as
                .clone()
                .unwrap_or_else(|| resolved.host_name.clone()),
            // As ssh does: an alias stands without a port.
            port: if resolved.known_as.is_some() {
                DEFAULT_PORT
            } else {
                resolved.port
            },
            file: resolved.learns_in.clone(),
            learn: learn(resolved),
            accept_new: resolved.accept_new,
        })
    }

    /// The host-key algorithms to ask for: first those of the known keys, so that the host shows one
    /// that can be checked.
    pub fn preferred(&self) -> Cow<'static, [Algorithm]> {
        let known = self.known.algorithms(&self.name, self.port);
        let mut order = Preferred::DEFAULT.key.into_owned();
        // A stable sort: the library's own order stays within both groups. An RSA key signs under
        // several names.
        order.sort_by_key(|algorithm| {
            !known
                .iter()
                .any(|known| known == algorithm || (is_rsa(known) && is_rsa(algorithm)))
        });
        order.into()
    }

    /// Accepts a known key, learns a new one if that is allowed, and refuses any other.
    pub fn check(&self, key: &PublicKey) -> Result<(), SshError> {
        match self.known.check(&self.name, self.port, key) {
            Verdict::Known => Ok(()),
            Verdict::Unknown if self.accept_new => match &self.file {
                Some(file) => append(file, &self.entry(key)).map_err(|error| unusable(file, &error)),
                None => Ok(()),
            },
            Verdict::Unknown => Err(SshError::UnknownKey {
                host: self.host.clone(),
                algorithm: key.algorithm().as_str().to_owned(),
                fingerprint: fingerprint(key),
                learn: self.learn.clone(),
            }),
            Verdict::Changed(line) => Err(SshError::ChangedKey(Box::new(ChangedKey {
                host: self.host.clone(),
                place: format!("{}:{}", line.file.display(), line.number),
                known: describe(line.key()),
                offered: describe(key),
                forget: format!(
                    "ssh-keygen -R '{}' -f {}",
                    entry_name(&self.name, self.port),
                    line.file.display()
                ),
            }))),
            Verdict::Revoked(line) => Err(SshError::RevokedKey {
                host: self.host.clone(),
                place: format!("{}:{}", line.file.display(), line.number),
                fingerprint: fingerprint(key),
            }),
        }
    }

    fn entry(&self, key: &PublicKey) -> String {
        let bare = PublicKey::from(key.key_data().clone());
        format!(
            "{} {}",
            entry_name(&self.name, self.port),
            bare.to_string().trim_end()
        )
    }
}

fn learn(resolved: &Resolved) -> String {
    let mut learn = "use --accept-new".to_owned();
    // By an alias a scan does not name it.
    if let (Some(file), None) = (&resolved.learns_in, &resolved.known_as) {
        let Resolved { port, host_name, .. } = resolved;
        learn += &format!(", or `ssh-keyscan -p {port} {host_name} >> {}`", file.display());
    }
    if resolved.trusts_anyone {
        learn += "; `StrictHostKeyChecking no` is not followed, for it trusts whoever answers";
    }
    learn
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn describe(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm().as_str(), fingerprint(key))
}

fn unusable(file: &Path, error: &io::Error) -> SshError {
    SshError::KnownHosts {
        file: file.to_owned(),
        cause: error.to_string(),
    }
}

/// Adds a line in one write under a lock, so that runs side by side do not tear each other's lines.
fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    file.lock()?;
    let separator = if ends_with_newline(&mut file)? { "" } else { "\n" };
    file.write_all(format!("{separator}{line}\n").as_bytes())
}

/// Also true of an empty file.
fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_line_is_appended_whole_whatever_stands_before_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/known_hosts");
        append(&file, "first").unwrap();
        fs::write(&file, "first\nunfinished").unwrap();
        append(&file, "second").unwrap();
        append(&file, "third").unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "first\nunfinished\nsecond\nthird\n"
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
}
