//! What a key file holds.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key};

/// The key of a file, as far as it can be had without a passphrase.
#[derive(Debug)]
pub(super) enum KeyFile {
    /// Ready to sign.
    Private(Arc<PrivateKey>),
    /// Locked; its public half, if that can be learnt.
    Encrypted(Option<PublicKey>),
    /// Only the public half, which `ssh` takes too where an agent holds the other.
    Public(PublicKey),
}

/// Reads a key file in any format that ssh-keygen writes.
pub(super) fn read(path: &Path) -> io::Result<KeyFile> {
    let text = fs::read_to_string(path)?;
    if let Ok(public) = PublicKey::from_openssh(text.trim()) {
        return Ok(KeyFile::Public(public));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(KeyFile::Private(Arc::new(key))),
        // OpenSSH's own format keeps the public half readable; of the others it stands in the .pub file.
        Err(_) if is_encrypted(&text) => {
            let public = PrivateKey::from_openssh(&text).map(|key| key.public_key().clone());
            Ok(KeyFile::Encrypted(public.ok().or_else(|| beside(path))))
        }
        Err(_) => Err(io::Error::new(
            ErrorKind::InvalidData,
            "it holds no private key that can be read",
        )),
    }
}

/// The key of an encrypted file; none if that is not its passphrase.
pub(super) fn decrypt(path: &Path, passphrase: &str) -> Option<Arc<PrivateKey>> {
    let text = fs::read_to_string(path).ok()?;
    decode_secret_key(&text, Some(passphrase)).ok().map(Arc::new)
}

fn is_encrypted(text: &str) -> bool {
    text.contains("BEGIN ENCRYPTED PRIVATE KEY")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}

/// The key of the `.pub` file next to a private one.
fn beside(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PublicKey::from_openssh(fs::read_to_string(name).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn every_format_of_ssh_keygen_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let formats = [
            ("ed25519", "256", "RFC4716"),
            ("rsa", "2048", "PEM"),
            ("rsa", "2048", "PKCS8"),
            ("ecdsa", "256", "PKCS8"),
        ];
        for (number, (kind, bits, format)) in formats.iter().enumerate() {
            for passphrase in ["", "secret"] {
                let path = directory.path().join(format!("key{number}{passphrase}"));
                let made = Command::new("ssh-keygen")
                    .args(["-q", "-t", kind, "-b", bits, "-m", format, "-N", passphrase, "-f"])
                    .arg(&path)
                    .status();
                let Ok(made) = made else {
                    return println!("skipped: needs ssh-keygen");
                };
                assert!(made.success());
                let mut public = path.clone().into_os_string();
                public.push(".pub");
                let Ok(KeyFile::Public(public)) = read(Path::new(&public)) else {
                    panic!("no public key")
                };
                let found = match read(&path) {
                    Ok(KeyFile::Private(key)) if passphrase.is_empty() => key.public_key().clone(),
                    Ok(KeyFile::Encrypted(Some(key))) if !passphrase.is_empty() => key,
                    other => panic!("{kind} {format} {passphrase:?}: {other:?}"),
                };
                assert_eq!(found.key_data(), public.key_data());
            }
        }
    }
}
