//! What programs, units and sites of a host have logged. The host says with every line where it stood, so that a new
//! connection goes on behind it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::event::{Event, Observe};
use super::remembered::library;
use super::session::Session;
use crate::host::ssh::{Event as Said, Script, SshError};
use crate::layout::{Frame, NoFrame};
use crate::playbook::load::secrets_of;
use crate::resources::supervised;
use crate::secret::Secrets;
use crate::shell;

const SCRIPT: &str = include_str!("logs.sh");

/// The host says something twice a second; when it has been silent for so long the connection is lost.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a lost host may take to answer again.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two tries at it.
const PAUSE: Duration = Duration::from_secs(2);

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Programs, sites or units; all programs, and the units that were applied, where there are none.
    pub names: &'a [String],
    /// How many of the last lines of each log.
    pub lines: u32,
    /// Whether what comes is told, too.
    pub follow: bool,
    /// An extended regular expression that the lines match.
    pub pattern: Option<&'a str>,
}

/// Why logs could not be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LogsError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say what was logged: its answer ended early, or began with other text")]
    #[diagnostic(help("run it again; a startup file of the login shell that prints text is in the way"))]
    Answer {
        /// The host.
        host: String,
    },
    /// Nothing is called so.
    #[error("{host} has no program, unit or site `{name}`, or it logs elsewhere")]
    #[diagnostic(help("{known}"))]
    Unknown {
        /// The host.
        host: String,
        /// The name.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is nothing to read.
    #[error("{host} runs no program under supervisor, and no playbook has declared a unit")]
    #[diagnostic(help("name a unit or a site: `hostwright logs TARGET ssh`"))]
    Nothing {
        /// The host.
        host: String,
    },
    /// The pattern is none.
    #[error("grep on {host} does not take the pattern: {said}")]
    #[diagnostic(help("it is an extended regular expression, as of `grep -E`"))]
    Pattern {
        /// The host.
        host: String,
        /// What grep says.
        said: String,
    },
}

/// A log.
struct Source {
    key: String,
    label: String,
    position: String,
}

/// Whether all has been told, or the connection was lost.
enum Ended {
    Whole,
    Lost,
}

/// Tells what a host has logged; without an end where what comes is told, too.
///
/// # Errors
/// When something that was named is not there, or the host does not answer.
pub async fn logs(
    session: &mut Session,
    asked: &Asked<'_>,
    observe: &mut Observe<'_>,
) -> Result<(), LogsError> {
    let mut reading = Reading {
        host: session.name(),
        sources: Vec::new(),
        secrets: Secrets::default(),
        begun: false,
    };
    loop {
        match reading.read(session, asked, observe).await? {
            Ended::Whole => return Ok(()),
            Ended::Lost => {
                observe(&Event::Reconnecting { host: &reading.host });
                let start = Instant::now();
                while let Err(error) = session.reconnect().await {
                    if start.elapsed() > PATIENCE {
                        return Err(error.into());
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

struct Reading {
    host: String,
    sources: Vec<Source>,
    secrets: Secrets,
    /// Whether the host has told what there is to read.
    begun: bool,
}

impl Reading {
    fn script(&self, asked: &Asked<'_>) -> String {
        let known = self.sources.iter().filter(|source| !source.position.is_empty());
        let known: Vec<String> = known
            .map(|source| format!("{} {}", source.position, source.key))
            .collect();
        let values = [
            ("names", asked.names.join("\n")),
            ("lines", asked.lines.to_string()),
            ("pattern", asked.pattern.unwrap_or_default().to_owned()),
            ("follow", if asked.follow { "yes" } else { "" }.to_owned()),
            ("known", known.join("\n")),
        ];
        let values = values.map(|(name, value)| format!("{name}={}\n", shell::quote(&value)));
        let (programs, remembered) = (supervised::looking(), library());
        format!("{}{programs}\n{remembered}{SCRIPT}", values.concat())
    }

    /// Reads over one connection.
    async fn read(
        &mut self,
        session: &Session,
        asked: &Asked<'_>,
        observe: &mut Observe<'_>,
    ) -> Result<Ended, LogsError> {
        let lost = |begun: bool| asked.follow && begun;
        let mut exec = match session.start(Script::open(self.script(asked))).await {
            Err(SshError::Lost { .. }) if lost(self.begun) => return Ok(Ended::Lost),
            started => started?,
        };
        let mut answer = Vec::new();
        loop {
            let said = match timeout(SILENCE, exec.next()).await {
                Err(_) if lost(self.begun) => return Ok(Ended::Lost),
                // The last lines may lie far back.
                Err(_) => continue,
                Ok(Err(SshError::Lost { .. }) | Ok(Some(Said::Exit(_)) | None)) if lost(self.begun) => {
                    return Ok(Ended::Lost);
                }
                Ok(said) => said?,
            };
            match said {
                Some(Said::Stdout(bytes)) => answer.extend(bytes),
                Some(Said::Stderr(_) | Said::Fed(_)) => continue,
                Some(Said::Exit(_)) | None => return Err(self.no_answer()),
            }
            let mut rest = &answer[..];
            loop {
                let frame = match Frame::read(rest) {
                    Ok((frame, after)) => {
                        rest = after;
                        frame
                    }
                    Err(NoFrame::Cut) => break,
                    Err(NoFrame::Foreign(_)) => return Err(self.no_answer()),
                };
                if frame.kind == "end" {
                    return Ok(Ended::Whole);
                }
                self.take(&frame, observe)?;
            }
            let left = rest.len();
            answer.drain(..answer.len() - left);
        }
    }

    fn no_answer(&self) -> LogsError {
        let host = self.host.clone();
        LogsError::Answer { host }
    }

    fn take(&mut self, frame: &Frame<'_>, observe: &mut Observe<'_>) -> Result<(), LogsError> {
        let text = String::from_utf8_lossy(frame.body);
        let host = || self.host.clone();
        match frame.kind {
            "wrong" => {
                let said = text.trim().trim_start_matches("grep: ").to_owned();
                return Err(LogsError::Pattern { host: host(), said });
            }
            "unknown" => {
                let known: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
                let known = match known.is_empty() {
                    true => "any unit can be named, as `systemctl list-units` lists them".to_owned(),
                    false => format!("it has {}; any unit can be named", known.join(", ")),
                };
                let name = frame.name.to_owned();
                return Err(LogsError::Unknown {
                    host: host(),
                    name,
                    known,
                });
            }
            "bundle" => {
                if let Ok(bundle) = serde_json::from_slice(frame.body) {
                    self.secrets.extend(&secrets_of(&bundle));
                }
            }
            "source" if !self.sources.iter().any(|source| source.key == frame.name) => {
                self.sources.push(Source {
                    key: frame.name.to_owned(),
                    label: text.into_owned(),
                    position: String::new(),
                });
            }
            "begin" => {
                if self.sources.is_empty() {
                    return Err(LogsError::Nothing { host: host() });
                }
                self.begun = true;
                let labels: Vec<String> = self.sources.iter().map(|source| source.label.clone()).collect();
                observe(&Event::Logs {
                    sources: &labels,
                    secrets: &self.secrets,
                });
            }
            "lines" | "at" => {
                let (position, key) = frame.name.split_once(':').unwrap_or_default();
                if let Some(source) = self.sources.iter_mut().find(|source| source.key == key) {
                    position.clone_into(&mut source.position);
                    for line in text.lines() {
                        let source = &source.label;
                        observe(&Event::Logged { source, line });
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
