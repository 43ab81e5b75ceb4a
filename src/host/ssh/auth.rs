//! Logging in with one of the keys.

use std::sync::{Arc, OnceLock};

use russh::MethodKind;
use russh::client::{AuthResult, Handle, Handler};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};

use super::error::SshError;
use super::keys::{Key, Keys};

/// Tries the keys in order until the host accepts one. `goodbye` is what the host says when it ends the
/// connection by itself.
pub(super) async fn log_in<H: Handler>(
    handle: &mut Handle<H>,
    host: &str,
    user: &str,
    mut keys: Keys,
    goodbye: &OnceLock<String>,
) -> Result<(), SshError> {
    let lost = || SshError::Lost {
        host: host.to_owned(),
    };
    let mut tried = Vec::new();
    for key in &keys.keys {
        // Only RSA keys have a choice of hash, and asking for it can take a second.
        let hash = if key.public().algorithm().is_rsa() {
            let known = handle.best_supported_rsa_hash().await.map_err(|_| lost())?;
            known.unwrap_or(Some(HashAlg::Sha512))
        } else {
            None
        };
        tried.push(key.label());
        let result = match (key, &mut keys.agent) {
            (Key::File { key, .. }, _) => {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                handle
                    .authenticate_publickey(user, key)
                    .await
                    .map_err(|_| lost())?
            }
            (Key::Agent { key, .. }, Some(agent)) => {
                match handle
                    .authenticate_publickey_with(user, key.clone(), hash, agent)
                    .await
                {
                    Ok(result) => result,
                    // The agent would not sign, perhaps because a person said no: the next key may do.
                    Err(_) if !handle.is_closed() => continue,
                    Err(_) => return Err(lost()),
                }
            }
            (Key::Agent { .. }, None) => continue,
        };
        match result {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { .. } if handle.is_closed() => match goodbye.get() {
                // After too many keys, say; a connection that broke says nothing.
                Some(words) => {
                    tried.push(format!("and ended the connection: {words}"));
                    break;
                }
                None => return Err(lost()),
            },
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                if !remaining_methods.contains(&MethodKind::PublicKey) {
                    break;
                }
            }
        }
    }
    tried.extend(
        keys.locked
            .iter()
            .map(|file| format!("({} is encrypted, so not tried)", file.display())),
    );
    Err(SshError::Auth {
        host: host.to_owned(),
        user: user.to_owned(),
        keys: tried.join(", "),
    })
}
