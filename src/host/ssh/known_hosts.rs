//! Known host keys: what the lines of known_hosts say about a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, PublicKey};

use super::config::DEFAULT_PORT;
use super::glob::glob;

/// How OpenSSH's binary lists begin (its PROTOCOL.krl).
const KRL: &[u8] = b"SSHKRL\n\0";

/// One line that could be read.
#[derive(Debug)]
pub(super) struct Line {
    pub file: PathBuf,
    /// Counted from 1.
    pub number: usize,
    entry: Entry,
}

impl Line {
    pub fn key(&self) -> &PublicKey {
        self.entry.public_key()
    }

    fn names(&self, name: &str) -> bool {
        match self.entry.host_patterns() {
            HostPatterns::Patterns(patterns) => matches(patterns, name),
            HostPatterns::HashedName { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
        }
    }

    fn holds(&self, key: &PublicKey) -> bool {
        self.key().key_data() == key.key_data()
    }
}

/// What is known about the key a host presents.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// The host has this key.
    Known,
    /// Nothing is known about the host.
    Unknown,
    /// The host has other keys; the line holds one, of the same algorithm if there is such.
    Changed(&'a Line),
    /// This key must not be trusted for the host.
    Revoked(&'a Line),
}

/// The lines of all files, in order.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    lines: Vec<Line>,
}

impl KnownHosts {
    /// Adds the lines of a file. One that cannot be read says nothing, as with OpenSSH.
    pub fn add(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate() {
            // The parser of entries wants single spaces; the format allows any blanks.
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Ok(entry) = line.parse() {
                self.lines.push(Line {
                    file: file.to_owned(),
                    number: index + 1,
                    entry,
                });
            }
        }
    }

    /// Adds the keys of a file that no host may have, one a line (ssh_config(5), RevokedHostKeys).
    ///
    /// # Errors
    /// What of it cannot be read: then it is not known what it revokes.
    pub fn revoke(&mut self, file: &Path, bytes: &[u8]) -> Result<(), String> {
        if bytes.starts_with(KRL) {
            return Err("it is a key revocation list of `ssh-keygen -k`, of which only lists of public keys are read here".into());
        }
        for (index, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            let mut words = line.split_whitespace();
            let words = [words.next(), words.next()].map(Option::unwrap_or_default);
            if words[0].is_empty() || words[0].starts_with('#') {
                continue;
            }
            let entry = format!("@revoked * {}", words.join(" ")).parse();
            self.lines.push(Line {
                file: file.to_owned(),
                number: index + 1,
                entry: entry.map_err(|_| format!("line {} is no public key", index + 1))?,
            });
        }
        Ok(())
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.lines.iter().map(Line::key)
    }

    /// The algorithms of the keys known for a host, to be asked for first.
    pub fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let mut algorithms = Vec::new();
        for line in self.trusted(host, port) {
            let algorithm = line.key().algorithm();
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        algorithms
    }

    /// The authorities whose certificates vouch for a host.
    pub fn authorities(&self, host: &str, port: u16) -> Vec<&PublicKey> {
        let (name, bare) = (entry_name(host, port), host.to_lowercase());
        let is_one = |line: &&Line| {
            line.entry.marker() == Some(&Marker::CertAuthority) && (line.names(&name) || line.names(&bare))
        };
        self.lines.iter().filter(is_one).map(Line::key).collect()
    }

    /// Judges the key that a host presents.
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict<'_> {
        let name = entry_name(host, port);
        let revokes = |line: &&Line| {
            line.entry.marker() == Some(&Marker::Revoked)
                && line.holds(key)
                && (line.names(&name) || line.names(&host.to_lowercase()))
        };
        if let Some(line) = self.lines.iter().find(revokes) {
            return Verdict::Revoked(line);
        }
        let lines: Vec<&Line> = self.trusted(host, port).collect();
        if lines.iter().any(|line| line.holds(key)) {
            return Verdict::Known;
        }
        // A line without the port vouches for the host on any port, but does not contradict another.
        let on_this_port = || lines.iter().filter(|line| line.names(&name));
        let same_algorithm = on_this_port().find(|line| line.key().algorithm() == key.algorithm());
        match same_algorithm.or_else(|| on_this_port().next()) {
            Some(line) => Verdict::Changed(line),
            None => Verdict::Unknown,
        }
    }

    /// The lines that vouch for a host: with its port if there are any, else, as with OpenSSH, without.
    fn trusted(&self, host: &str, port: u16) -> impl Iterator<Item = &Line> {
        let plain = |line: &&Line| line.entry.marker().is_none();
        let with_port = entry_name(host, port);
        let is_known = self.lines.iter().filter(plain).any(|line| line.names(&with_port));
        let name = if is_known { with_port } else { host.to_lowercase() };
        self.lines
            .iter()
            .filter(plain)
            .filter(move |line| line.names(&name))
    }
}

/// How known_hosts names a host: `host`, or `[host]:port` off port 22; lower case.
pub(super) fn entry_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == DEFAULT_PORT {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

/// A name as ssh writes it where it hides names: `|1|salt|HMAC-SHA1`. As it is where there are no random numbers.
pub(super) fn hashed(name: &str) -> String {
    let mut salt = [0_u8; 20];
    if SystemRandom::new().fill(&mut salt).is_err() {
        return name.to_owned();
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let hash = hmac::sign(&key, name.as_bytes());
    format!(
        "|1|{}|{}",
        BASE64_STANDARD.encode(salt),
        BASE64_STANDARD.encode(hash)
    )
}

/// Some pattern matches and no negated one does.
fn matches(patterns: &[String], name: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        let pattern = pattern.to_lowercase();
        match pattern.strip_prefix('!') {
            Some(negated) if glob(negated.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
