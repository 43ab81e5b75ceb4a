//! The question how a host fares.

use super::Status;
pub(crate) use super::answer::read;
use crate::host::ssh::SshError;
use crate::operations::remembered::library;
use crate::operations::session::Session;
use crate::resources::supervised;

const SCRIPT: &str = include_str!("status.sh");

/// apt takes longer than all the rest: it is asked meanwhile.
const ALL: &str = "updates | {\nrest\ncat\n}\nsay end '' ''\n";

/// All but that.
const REST: &str = "rest\nsay end '' ''\n";

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
    ask(session, ALL).await
}

/// Asks it again. What apt would upgrade is taken from `before`: to find that out costs more than all the rest.
///
/// # Errors
/// When the host does not answer as it should.
pub async fn again(session: &Session, before: &Status) -> Result<Status, StatusError> {
    let mut status = ask(session, REST).await?;
    status.updates = before.updates;
    Ok(status)
}

async fn ask(session: &Session, what: &str) -> Result<Status, StatusError> {
    let answer = session.ask(format!("{}{what}", questions())).await?;
    let host = session.name();
    read(&answer, &host).ok_or(StatusError::Answer { host })
}

/// The functions of the host's sh that ask: `rest` says all but what apt would upgrade.
pub(in crate::operations) fn questions() -> String {
    format!("{}\n{}{SCRIPT}", supervised::looking(), library())
}
