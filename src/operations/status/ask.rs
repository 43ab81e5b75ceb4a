//! The question how a host fares.

use super::{Status, answer};
use crate::host::ssh::SshError;
use crate::operations::remembered::library;
use crate::operations::session::Session;
use crate::resources::supervised;

const SCRIPT: &str = include_str!("status.sh");

/// Why it is not known how a host fares.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StatusError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say how it fares: its answer ended early, or began with other text")]
    #[diagnostic(help(
        "run it again; `hostwright exec TARGET -- true` shows whether the host runs commands"
    ))]
    Answer {
        /// The host.
        host: String,
    },
}

/// Asks a host how it fares.
///
/// # Errors
/// When the host does not answer as it should.
pub async fn status(session: &Session) -> Result<Status, StatusError> {
    let script = format!("{}\n{}{SCRIPT}", supervised::looking(), library());
    let answer = session.ask(script).await?;
    let host = session.name();
    answer::read(&answer, &host).ok_or(StatusError::Answer { host })
}
