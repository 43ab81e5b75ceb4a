//! What signs with a key of ours, or waits until it can.

use std::path::Path;
use std::sync::Arc;

use russh::SendError;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey};

use super::key_file;
use super::options::Options;
use super::person::Person;

/// The key of an encrypted file, once a person has given its passphrase.
pub(super) async fn unlock(
    file: &Path,
    person: Option<&Person>,
    prompts: usize,
    options: &Options,
) -> Option<Arc<PrivateKey>> {
    let person = person?;
    for _ in 0..prompts {
        let question = format!("Passphrase of {}:", file.display());
        let passphrase = person.secret(&question).await?;
        if let Some(key) = key_file::decrypt(file, passphrase.text()) {
            options.memory.unlock(file, &key);
            return Some(key);
        }
        person.forget(&question);
    }
    None
}

/// Signs with a private key of ours. The library itself knows but one hash for certificates of RSA keys.
pub(super) struct Signs(pub Arc<PrivateKey>);

/// It does not sign.
pub(super) struct CannotSign;

impl From<SendError> for CannotSign {
    fn from(_: SendError) -> Self {
        CannotSign
    }
}

impl russh::Signer for Signs {
    type Error = CannotSign;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, CannotSign> {
        let signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
            pair => pair.try_sign(&data),
        };
        let mut signed = Vec::new();
        let encoded = signature.map_err(|_| CannotSign)?.encode(&mut signed);
        encoded
            .and_then(|()| signed.encode(&mut data))
            .map_err(|_| CannotSign)?;
        Ok(data)
    }
}

/// Stands in for a key that is locked, to learn whether the host wants it.
pub(super) struct Wanted(pub bool);

/// It does not sign.
pub(super) struct NotYet;

impl From<SendError> for NotYet {
    fn from(_: SendError) -> Self {
        NotYet
    }
}

impl russh::Signer for Wanted {
    type Error = NotYet;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, NotYet> {
        self.0 = true;
        Err(NotYet)
    }
}
