//! Whether a host's key is trusted: reads the known_hosts files and remembers new hosts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use russh::Preferred;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::config::{DEFAULT_PORT, Resolved};
use super::error::{ChangedKey, SshError};
use super::glob::glob;
use super::known_hosts::{KnownHosts, Verdict, entry_name, hashed};
use super::options::Options;
use super::person::Person;

/// What is known about one host, and whether it may be learnt.
pub(super) struct HostKeys {
    known: KnownHosts,
    /// The host as the person named it.
    host: String,
    name: String,
    port: u16,
    /// The address that must not be known with another key.
    address: Option<IpAddr>,
    /// Where a new key is written.
    file: Option<PathBuf>,
    hashes_names: bool,
    /// How a person may learn it; for a message.
    learn: String,
    accept_new: bool,
    fingerprint: Option<String>,
    person: Option<Person>,
    /// The time that a person takes is not the host's.
    asking: AtomicBool,
}

impl HostKeys {
    pub fn load(host: &str, resolved: &Resolved, options: &Options) -> Result<Self, SshError> {
        let mut known = KnownHosts::default();
        for file in &resolved.known_hosts {
            match fs::read(file) {
                Ok(bytes) => known.add(file, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(file, &error)),
            }
        }
        for file in &resolved.revoked {
            // As with ssh none is trusted where it cannot be read.
            let bytes = fs::read(file).map_err(|error| unusable(file, &error))?;
            known.revoke(file, &bytes).map_err(|cause| SshError::KnownHosts {
                file: file.clone(),
                cause,
            })?;
        }
        let is_asked = !resolved.strict && !resolved.batch;
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
            address: None,
            file: resolved.learns_in.clone(),
            hashes_names: resolved.hashes_names,
            learn: learn(resolved),
            accept_new: resolved.accept_new,
            fingerprint: options.fingerprint.clone(),
            person: options.person.clone().filter(|_| is_asked),
            asking: AtomicBool::new(false),
        })
    }

    /// The address that was reached must not be known with another key (ssh_config(5), CheckHostIP).
    pub fn check_address(&mut self, address: IpAddr) {
        self.address = Some(address);
    }

    /// Whether a person is being asked.
    pub fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed)
    }

    /// The algorithms to ask for: first those of the known keys, so that the host shows one that can be checked.
    pub fn preferred(&self, resolved: &Resolved) -> Preferred {
        let known = self.known.algorithms(&self.name, self.port);
        let certified = !self.known.authorities(&self.name, self.port).is_empty();
        resolved.algorithms.preferred(&known, certified)
    }

    /// Accepts a known key or a certificate of a known authority, learns a new one if that is allowed, and refuses
    /// any other.
    pub async fn check(&self, shown: &PublicKeyOrCertificate) -> Result<(), SshError> {
        let key = shown.public_key();
        let why = match shown.certificate() {
            Some(certificate) => match self.certified(certificate)? {
                None => return self.has_fingerprint(&key),
                Some(why) => format!("; its certificate {why}"),
            },
            None => String::new(),
        };
        let port = self.port;
        match self.known.check(&self.name, port, &key) {
            Verdict::Known => self.has_fingerprint(&key),
            Verdict::Unknown => self.learn(&key, &why).await,
            Verdict::Changed(line) => Err(self.changed(&self.name, line, &key)),
            Verdict::Revoked(line) => Err(SshError::RevokedKey {
                host: self.host.clone(),
                place: format!("{}:{}", line.file.display(), line.number),
                fingerprint: fingerprint(&key),
            }),
        }?;
        if let Some(address) = self.address.map(|address| address.to_string())
            && let Verdict::Changed(line) = self.known.check(&address, port, &key)
        {
            return Err(self.changed(&address, line, &key));
        }
        Ok(())
    }

    fn changed(&self, name: &str, line: &super::known_hosts::Line, key: &PublicKey) -> SshError {
        SshError::ChangedKey(Box::new(ChangedKey {
            host: self.host.clone(),
            place: format!("{}:{}", line.file.display(), line.number),
            known: describe(line.key()),
            offered: describe(key),
            forget: format!(
                "ssh-keygen -R '{}' -f {}",
                entry_name(name, self.port),
                line.file.display()
            ),
        }))
    }

    /// None if a known authority vouches for the host; else why not (OpenSSH's PROTOCOL.certkeys).
    fn certified(&self, certificate: &Certificate) -> Result<Option<String>, SshError> {
        let authority = PublicKey::from(certificate.signature_key().clone());
        if let Verdict::Revoked(line) = self.known.check(&self.name, self.port, &authority) {
            return Err(SshError::RevokedKey {
                host: self.host.clone(),
                place: format!("{}:{}", line.file.display(), line.number),
                fingerprint: fingerprint(&authority),
            });
        }
        let key = PublicKey::from(certificate.public_key().clone());
        if let Verdict::Revoked(line) = self.known.check(&self.name, self.port, &key) {
            return Err(SshError::RevokedKey {
                host: self.host.clone(),
                place: format!("{}:{}", line.file.display(), line.number),
                fingerprint: fingerprint(&key),
            });
        }
        let authorities = self.known.authorities(&self.name, self.port);
        if !authorities
            .iter()
            .any(|known| known.key_data() == authority.key_data())
        {
            return Ok(Some(format!(
                "is of an authority that is not known: {}",
                describe(&authority)
            )));
        }
        let fingerprints: Vec<_> = authorities
            .iter()
            .map(|key| key.fingerprint(HashAlg::Sha256))
            .collect();
        let name = self.name.to_lowercase();
        let names = certificate.valid_principals();
        let is_named = |pattern: &String| glob(pattern.to_lowercase().as_bytes(), name.as_bytes());
        Ok(if certificate.cert_type() != CertType::Host {
            Some("is a user's".to_owned())
        } else if !certificate.critical_options().is_empty() {
            Some("has conditions that are not known".to_owned())
        } else if !names.is_empty() && !names.iter().any(is_named) {
            Some(format!("is for {}", names.join(", ")))
        } else if certificate.validate(&fingerprints).is_err() {
            Some("is not valid now, or its signature is wrong".to_owned())
        } else {
            None
        })
    }

    fn has_fingerprint(&self, key: &PublicKey) -> Result<(), SshError> {
        let shown = fingerprint(key);
        match &self.fingerprint {
            Some(expected) if *expected != shown => Err(SshError::OtherFingerprint {
                host: self.host.clone(),
                algorithm: key.algorithm().as_str().to_owned(),
                fingerprint: shown,
                expected: expected.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers a new key, if somebody says that it is the host's.
    async fn learn(&self, key: &PublicKey, why: &str) -> Result<(), SshError> {
        self.has_fingerprint(key)?;
        let accepted = self.fingerprint.is_some() || self.accept_new || self.ask(key, why).await;
        match &self.file {
            _ if !accepted => Err(SshError::UnknownKey {
                host: self.host.clone(),
                algorithm: key.algorithm().as_str().to_owned(),
                fingerprint: fingerprint(key) + why,
                learn: format!(
                    "use --fingerprint {} or --accept-new{}",
                    fingerprint(key),
                    self.learn
                ),
            }),
            Some(file) => append(file, &self.entry(key)).map_err(|error| unusable(file, &error)),
            None => Ok(()),
        }
    }

    /// Whether a person says that a key is the host's.
    async fn ask(&self, key: &PublicKey, why: &str) -> bool {
        let Some(person) = &self.person else { return false };
        self.asking.store(true, Ordering::Relaxed);
        let shown = fingerprint(key);
        let question = format!(
            "The host key of {} is not known{why}.\n  {} {shown}\nCompare it with the host's own (its console, its \
             provider's page, or `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there).\nIs it this one? [yes/no, or \
             the fingerprint]",
            self.host,
            key.algorithm().as_str()
        );
        let answer = person.line(&question).await.unwrap_or_default();
        self.asking.store(false, Ordering::Relaxed);
        answer.trim() == shown || answer.trim().eq_ignore_ascii_case("yes")
    }

    fn entry(&self, key: &PublicKey) -> String {
        let bare = PublicKey::from(key.key_data().clone());
        let names = std::iter::once(self.name.clone()).chain(self.address.map(|address| address.to_string()));
        let entry = |name: String| {
            let name = entry_name(&name, self.port);
            let name = match self.hashes_names {
                true => hashed(&name),
                false => name,
            };
            format!("{name} {}", bare.to_string().trim_end())
        };
        let mut entries: Vec<String> = names.map(entry).collect();
        entries.dedup();
        entries.join("\n")
    }
}

fn learn(resolved: &Resolved) -> String {
    let mut learn = String::new();
    // By an alias, or through another host, a scan does not name it.
    if let (Some(file), None, None) = (&resolved.learns_in, &resolved.known_as, &resolved.proxy) {
        let Resolved { port, host_name, .. } = resolved;
        learn += &format!(", or `ssh-keyscan -p {port} {host_name} >> {}`", file.display());
    }
    if resolved.trusts_anyone {
        learn += "; `StrictHostKeyChecking no` is not followed, for it trusts whoever answers";
    }
    learn
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
