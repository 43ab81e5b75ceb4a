//! First contact: a key is put where sshd looks for it, and an expired password is replaced.

use std::time::Duration;

use miette::Diagnostic;
use russh::{ChannelMsg, Pty};
use thiserror::Error;
use tokio::time::timeout;

use super::answers::{Wants, wants};
use super::command::Script;
use super::connection::Connection;
use super::error::{Named, SshError};
use super::key_pair::KeyPair;
use super::person::Password;
use crate::shell::quote;

/// Why a host does not let a key in.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "the fields are those of the message")]
pub enum TrustError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),

    /// The key is there with conditions.
    #[error("~{user}/.ssh/authorized_keys on {host} holds this key already, under conditions: {conditions}")]
    #[diagnostic(help(
        "sshd takes the first line of a key: take the conditions away there if you put them there, or log in as the user that they name"
    ))]
    Conditions {
        host: Named,
        user: String,
        conditions: String,
    },

    /// The files are another's.
    #[error("{user} on {host} may not change its own authorized_keys: {cause}")]
    #[diagnostic(help("as root on the host: `chown -R {user}: ~{user}/.ssh`"))]
    Foreign {
        host: Named,
        user: String,
        cause: String,
    },

    /// The key could not be put in place.
    #[error("the key could not be put into ~{user}/.ssh on {host}: {cause}")]
    #[diagnostic(help("mend that there (is the disk full, is there a home?) and run it again"))]
    Place {
        host: Named,
        user: String,
        cause: String,
    },

    /// The password stays as it is.
    #[error("the password of {user} on {host} was not changed: {cause}")]
    #[diagnostic(help("run it again with a password that the host takes"))]
    Password {
        host: Named,
        user: String,
        cause: String,
    },
}

/// What was done for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// It was not there before.
    pub is_new: bool,
    /// What else was mended, in the host's words.
    pub notes: Vec<String>,
}

/// Puts a key where sshd looks for it.
///
/// # Errors
/// [`TrustError`], with [`SshError::Expired`] when the password must be changed first.
pub async fn authorize(connection: &Connection, key: &KeyPair) -> Result<Placed, TrustError> {
    let script = format!("key={}\n{}", quote(&key.line), include_str!("authorize.sh"));
    let output = connection
        .exec_as_user(Script::open(script))
        .await?
        .output()
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    let (host, user) = (connection.named().clone(), connection.user().to_owned());
    match output.status {
        0 => {
            let mut lines = said.lines();
            Ok(Placed {
                is_new: lines.next() == Some("added"),
                notes: lines.map(str::to_owned).collect(),
            })
        }
        3 => Err(TrustError::Conditions {
            host,
            user,
            conditions: said,
        }),
        4 => Err(TrustError::Foreign {
            host,
            user,
            cause: said,
        }),
        _ => Err(TrustError::Place {
            host,
            user,
            cause: format!("{said} {errors}").trim().replace('\n', "; "),
        }),
    }
}

/// passwd(1) answers within this, or waits for something that we do not know.
const PATIENCE: Duration = Duration::from_secs(20);

/// Replaces an expired password, for which sshd wants a terminal.
///
/// # Errors
/// [`TrustError::Password`] in the words of the host.
pub async fn change_password(
    connection: &Connection,
    old: Option<&Password>,
    new: &Password,
) -> Result<(), TrustError> {
    let (host, user) = (connection.named().clone(), connection.user().to_owned());
    let failed = |cause: String| TrustError::Password {
        host: host.clone(),
        user: user.clone(),
        cause,
    };
    let lost = |_| SshError::Lost { host: host.clone() };
    let mut channel = connection.handle().channel_open_session().await.map_err(lost)?;
    let modes = [(Pty::ECHO, 0)];
    channel
        .request_pty(false, "dumb", 200, 24, 0, 0, &modes)
        .await
        .map_err(lost)?;
    // PAM has the password changed before the command; without PAM, passwd(1) runs in its place (session.c).
    channel.exec(false, "exit 0").await.map_err(lost)?;
    let (mut said, mut all, mut given, mut status) = (String::new(), String::new(), 0, None);
    loop {
        let message = timeout(PATIENCE, channel.wait()).await;
        match message.map_err(|_| failed(format!("it waits for something: {}", words(&all))))? {
            Some(ChannelMsg::Data { data }) => {
                let text = String::from_utf8_lossy(&data).into_owned();
                said += &text;
                all += &text;
                let Some(prompt) = said.lines().last().filter(|line| line.trim_end().ends_with(':')) else {
                    continue;
                };
                let answer = match (wants(prompt), old) {
                    (Wants::NewPassword, _) => {
                        given += 1;
                        new
                    }
                    (Wants::Password, Some(old)) => old,
                    _ => return Err(failed(format!("it asks `{}`", prompt.trim()))),
                };
                // It is asked for twice; a third time says that it was not taken.
                if given > 2 {
                    return Err(failed(words(&all)));
                }
                let line = format!("{}\n", answer.text());
                channel.data_bytes(line.into_bytes()).await.map_err(lost)?;
                said.clear();
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
            Some(ChannelMsg::Close) | None => break,
            Some(_) => {}
        }
    }
    match status {
        Some(0) => Ok(()),
        _ => Err(failed(words(&all))),
    }
}

/// What of a terminal's text is for people.
fn words(text: &str) -> String {
    let is_worth = |line: &&str| {
        !line.is_empty() && !line.starts_with("WARNING: ") && !line.starts_with("You must change")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(is_worth).collect();
    lines.join("; ")
}
