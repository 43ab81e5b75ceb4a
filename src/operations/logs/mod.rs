//! What programs, units and sites of a host have logged, in the order in which it happened. The host says with every line
//! when that was, and where the line stood, so that a new connection goes on behind it.

mod merge;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::merge::{Line, merged};
use super::event::{Event, Observe};
use super::remembered::library;
use super::session::Session;
use crate::host::ssh::{Event as Said, Script, SshError};
use crate::language::scalar;
use crate::layout::{Frame, NoFrame};
use crate::playbook::load::secrets_of;
use crate::resources::supervised;
use crate::secret::Secrets;
use crate::shell;

const SCRIPT: &str = include_str!("logs.sh");

/// Finds out when lines were written.
const TIMES: &str = include_str!("times.pl");

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
    /// How many of the last lines of each log; all of them unless given.
    pub lines: Option<u32>,
    /// From when on: a length of time before now, or what date(1) reads as a moment, by the host's clock.
    pub since: Option<&'a str>,
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
    /// It is not known from when on.
    #[error("{host} does not know from when on `{since}` is: {said}")]
    #[diagnostic(help(
        "write how long ago, `10m`, `2h`, `1d`, or a moment of the host's clock, `2026-11-28 14:00`, `14:00`, `yesterday`"
    ))]
    Since {
        /// The host.
        host: String,
        /// What was asked for.
        since: String,
        /// Why.
        said: String,
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
    /// When its last line was written.
    at: f64,
}

/// How many seconds before now `text` means, where it is a length of time: `10m`, `10min ago`.
fn ago(text: &str) -> Option<u32> {
    let text = text.trim();
    let text = text.strip_suffix("ago").unwrap_or(text).trim_end();
    let short = match text.strip_suffix("min") {
        Some(number) => format!("{}m", number.trim_end()),
        None => text.to_owned(),
    };
    let length: scalar::Duration = short.parse().ok()?;
    Some(length.0)
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
        lines: Vec::new(),
        secrets: Secrets::default(),
        begun: false,
    };
    loop {
        let ended = reading.read(session, asked, observe).await?;
        reading.tell(observe);
        match ended {
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
    /// What has come and is not told yet.
    lines: Vec<Line>,
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
        let since = asked.since.unwrap_or_default();
        let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let values = [
            ("names", asked.names.join("\n")),
            ("lines", text(asked.lines)),
            ("since", since.to_owned()),
            ("ago", text(ago(since))),
            ("times", TIMES.to_owned()),
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
                self.take(&frame, asked, observe)?;
            }
            let left = rest.len();
            answer.drain(..answer.len() - left);
        }
    }

    fn no_answer(&self) -> LogsError {
        let host = self.host.clone();
        LogsError::Answer { host }
    }

    /// Tells what has come since it was last told, in the order in which it was written.
    fn tell(&mut self, observe: &mut Observe<'_>) {
        for Line { source, at, text } in merged(std::mem::take(&mut self.lines)) {
            let (source, line) = (&self.sources[source].label, &text);
            observe(&Event::Logged { source, line, at });
        }
    }

    fn take(
        &mut self,
        frame: &Frame<'_>,
        asked: &Asked<'_>,
        observe: &mut Observe<'_>,
    ) -> Result<(), LogsError> {
        let text = String::from_utf8_lossy(frame.body);
        let host = || self.host.clone();
        match frame.kind {
            "wrong" => {
                let said = text.trim().trim_start_matches("grep: ").to_owned();
                return Err(LogsError::Pattern { host: host(), said });
            }
            "untimely" => {
                return Err(LogsError::Since {
                    host: host(),
                    since: asked.since.unwrap_or_default().to_owned(),
                    said: text.trim().trim_start_matches("date: ").to_owned(),
                });
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
                    at: 0.0,
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
                let known = self.sources.iter_mut().enumerate();
                if let Some((index, source)) = known.into_iter().find(|(_, source)| source.key == key) {
                    position.clone_into(&mut source.position);
                    for line in text.lines() {
                        let (at, text) = line.split_once(' ').unwrap_or((line, ""));
                        // In its own log a line comes after the one before it, whatever it says.
                        source.at = at.parse().unwrap_or(source.at).max(source.at);
                        self.lines.push(Line {
                            source: index,
                            at: source.at,
                            text: text.to_owned(),
                        });
                    }
                }
            }
            "beat" => self.tell(observe),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
