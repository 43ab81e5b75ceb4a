//! Keys of our own: those to log in with, and new ones.

use std::net::IpAddr;

use ring::rand::{SecureRandom, SystemRandom};
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{HashAlg, PrivateKey, PublicKey};

use super::config;
use super::error::SshError;
use super::keys;
use super::options::Options;
use crate::host::target::Target;

/// The public halves of the keys that a login as root would try on a host that the SSH configuration does not know by
/// name, in OpenSSH's form.
///
/// # Errors
/// When one that was named cannot be used.
pub async fn own_keys(options: &Options) -> Result<Vec<String>, SshError> {
    // Of the addresses that no host has (RFC 5737).
    let target = Target {
        user: Some("root".into()),
        host: "192.0.2.1".into(),
        port: None,
    };
    let resolved = config::resolve(&target, options).await?;
    let keys = keys::find("a new machine", &resolved, options).await?;
    let mut public: Vec<String> = Vec::new();
    for key in keys.keys.iter().filter_map(|key| key.public.to_openssh().ok()) {
        // A certificate stands beside the key that it vouches for.
        if !public.contains(&key) {
            public.push(key);
        }
    }
    Ok(public)
}

/// A key pair that was just made.
pub struct NewKey {
    /// The private half, as ssh-keygen writes it.
    pub private: String,
    /// The public half, one line.
    pub public: String,
}

/// Makes an ed25519 key; none when this machine gives no random numbers.
pub fn new_key(comment: &str) -> Option<NewKey> {
    let mut seed = [0_u8; 32];
    SystemRandom::new().fill(&mut seed).ok()?;
    let pair = KeypairData::from(Ed25519Keypair::from_seed(&seed));
    let key = PrivateKey::new(pair, comment).ok()?;
    Some(NewKey {
        private: key.to_openssh(LineEnding::LF).ok()?.to_string(),
        public: key.public_key().to_openssh().ok()?,
    })
}

/// The SHA-256 fingerprint of a public key, as ssh-keygen prints it; none if it is no key.
pub fn fingerprint(public: &str) -> Option<String> {
    let key = PublicKey::from_openssh(public).ok()?;
    Some(key.fingerprint(HashAlg::Sha256).to_string())
}

/// The line of a known_hosts file for a key at an address, on port 22.
pub fn known_host(address: IpAddr, public: &str) -> String {
    let mut words = public.split_whitespace();
    let (algorithm, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    format!("{address} {algorithm} {key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_new_key_is_one_that_ssh_keygen_reads() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = new_key("host.example").unwrap();
        assert_ne!(key.private, new_key("host.example").unwrap().private);
        let path = folder.path().join("key");
        std::fs::write(&path, &key.private).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let said = |arguments: &[&str]| {
            let output = Command::new("ssh-keygen")
                .args(arguments)
                .arg(&path)
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        assert_eq!(said(&["-y", "-f"]), key.public);
        let listed = said(&["-l", "-f"]);
        assert_eq!(listed.split(' ').nth(1), fingerprint(&key.public).as_deref());
    }
}
