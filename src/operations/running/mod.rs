//! Programs and units of a host are restarted, stopped and started; whether they come up and stay up is awaited.

pub mod verb;

use self::verb::Verb;
use super::event::{Event, Observe};
use super::generation::About;
use super::remembered::library;
use super::session::Session;
use crate::host::ssh::{Script, SshError};
use crate::layout::Frame;
use crate::playbook::load::secrets_of;
use crate::resources::{supervised, systemd_service};
use crate::secret::Secrets;
use crate::shell;
use crate::transaction::compile::WORDS;

const SCRIPT: &str = include_str!("running.sh");

/// Why they are not as they were told to be.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunningError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say how they fare: its answer ended early, or began with other text")]
    #[diagnostic(help("`hostwright status` tells how they fare now"))]
    Answer {
        /// The host.
        host: String,
    },
    /// Nothing is called so.
    #[error("{host} has no program or unit `{name}`")]
    #[diagnostic(help("nothing was done; {known}"))]
    Unknown {
        /// The host.
        host: String,
        /// The name.
        name: String,
        /// What there is.
        known: String,
    },
    /// A run goes on, which may do the same.
    #[error("the run {run} is going on on {host}{}", .doing.as_deref().unwrap_or_default())]
    #[diagnostic(help("nothing was done; wait until it is over"))]
    Busy {
        /// The host.
        host: String,
        /// Its id.
        run: String,
        /// Of which playbook.
        doing: Option<String>,
    },
    /// Some did not do as they were told.
    #[error("{} did not {} on {host}", names.join(", "), verb.word())]
    #[diagnostic(help("what they said last stands above; `hostwright doctor` looks for the cause"))]
    Ill {
        /// The host.
        host: String,
        /// What was to be done.
        verb: Verb,
        /// Their names.
        names: Vec<String>,
    },
}

/// Does it with each of them in turn, and tells how each fares.
///
/// # Errors
/// When nothing was done, or some do not come up and stay up, or do not end.
pub async fn run(
    session: &Session,
    verb: Verb,
    names: &[String],
    observe: &mut Observe<'_>,
) -> Result<(), RunningError> {
    let host = session.name();
    let answer = session.printed(Script::open(script(verb, names))).await?;
    let (mut rest, mut secrets, mut ill) = (&answer[..], Secrets::default(), Vec::new());
    loop {
        let (frame, after) = Frame::read(rest).map_err(|_| RunningError::Answer { host: host.clone() })?;
        rest = after;
        let text = String::from_utf8_lossy(frame.body);
        let name = frame.name.to_owned();
        match frame.kind {
            "bundle" => {
                if let Ok(bundle) = serde_json::from_slice(frame.body) {
                    secrets.extend(&secrets_of(&bundle));
                }
            }
            "unknown" => {
                let known: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
                let known = match known.is_empty() {
                    true => "any unit can be named, as `systemctl list-units` lists them".to_owned(),
                    false => format!("it has {}; any unit can be named", known.join(", ")),
                };
                return Err(RunningError::Unknown { host, name, known });
            }
            "busy" => {
                let about: Option<About> = serde_json::from_str(&text).ok();
                return Err(RunningError::Busy {
                    host,
                    run: name,
                    doing: about.map(|about| format!(", of {}", about.playbook)),
                });
            }
            "well" | "ill" => {
                let mut lines = text.lines();
                let state = lines.next().unwrap_or_default();
                let lines: Vec<&str> = lines.collect();
                observe(&Event::Told {
                    name: &name,
                    verb,
                    well: frame.kind == "well",
                    state,
                    lines: &lines,
                    secrets: &secrets,
                });
                if frame.kind == "ill" {
                    ill.push(name);
                }
            }
            "end" => break,
            _ => {}
        }
    }
    match ill.is_empty() {
        true => Ok(()),
        false => Err(RunningError::Ill {
            host,
            verb,
            names: ill,
        }),
    }
}

fn script(verb: Verb, names: &[String]) -> String {
    let (verb, names) = (verb.word(), shell::quote(&names.join("\n")));
    let (programs, units, remembered) = (supervised::looking(), systemd_service::LIBRARY, library());
    format!("verb={verb}\nnames={names}\n{programs}\n{units}\n{WORDS}{remembered}{SCRIPT}")
}
