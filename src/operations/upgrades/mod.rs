//! What an upgrade of all packages would change on a host. Nothing does.

pub mod answer;

use self::answer::Upgrades;
use super::session::Session;
use crate::host::ssh::SshError;
use crate::resources::apt::READING;

/// Asks the host, which writes nothing.
///
/// # Errors
/// When the host does not answer.
pub async fn upgrades(session: &Session) -> Result<Upgrades, SshError> {
    let said = session
        .ask(format!("{READING}{}", include_str!("upgrades.sh")))
        .await?;
    Ok(answer::read(&String::from_utf8_lossy(&said)))
}
