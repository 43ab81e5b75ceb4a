//! What a host's backups are told to do.

use super::{Archive, Difference, Done, Listed, answer};
use crate::change::counted;
use crate::host::ssh::{Script, SshError};
use crate::layout::Frame;
use crate::operations::remembered::library;
use crate::operations::session::Session;
use crate::playbook::load::secrets_of;
use crate::secret::Secrets;
use crate::shell;

const SCRIPT: &str = include_str!("backups.sh");

/// Why backups did not do what they were told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BackupError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say what its backups did: its answer ended early, or began with other text")]
    #[diagnostic(help(
        "what was begun goes on: `hostwright backup list` tells how it ended; a startup file of the login shell that prints text is in the way"
    ))]
    Answer {
        /// The host.
        host: String,
    },
    /// It has none.
    #[error("{host} has no backup")]
    #[diagnostic(help("declare one under `backups:` in a playbook, and apply it"))]
    Nothing {
        /// The host.
        host: String,
    },
    /// It has none of that name.
    #[error("{host} has no backup `{name}`; it has {}", known.join(", "))]
    #[diagnostic(help("name one of them"))]
    Unknown {
        /// The host.
        host: String,
        /// The name.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// It has not been said which one.
    #[error("{host} has several backups: {}", known.join(", "))]
    #[diagnostic(help("name one, and its playbook with --playbook where two have one of that name"))]
    Several {
        /// The host.
        host: String,
        /// They.
        known: Vec<String>,
    },
    /// Some failed; what they said has been told already.
    #[error("{} failed on {host}", counted(*.count, "backup"))]
    #[diagnostic(help("what it said stands above; `hostwright backup list` tells what archives there are"))]
    Failed {
        /// The host.
        host: String,
        /// How many.
        count: usize,
    },
    /// It cannot be said what archives there are, or what one holds.
    #[error("the archives of the backup {name} of {host} cannot be read: {said}")]
    #[diagnostic(help(
        "`hostwright backup list` tells what archives there are; --age-identity FILE opens encrypted ones"
    ))]
    Unreadable {
        /// The backup.
        name: String,
        /// The host.
        host: String,
        /// What it said.
        said: String,
    },
}

/// Which backups are meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// Of this name; all unless given.
    pub name: Option<&'a str>,
    /// Of this playbook.
    pub playbook: Option<&'a str>,
}

/// What is told to a backup.
#[derive(Clone, Copy, Debug, Default)]
struct Told<'a> {
    verb: &'a str,
    program: &'a str,
    archive: &'a str,
    identity: Option<&'a str>,
}

impl<'a> Told<'a> {
    /// To do this, of itself.
    fn to(verb: &'a str) -> Self {
        Self {
            verb,
            ..Self::default()
        }
    }
}

/// What a backup's program answered.
struct Said {
    program: String,
    failed: bool,
    text: String,
}

/// A backup of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The playbook that declares it.
    pub playbook: String,
    /// Its name.
    pub name: String,
    /// Its program on the host.
    pub(super) program: String,
}

/// The backups of a host, and what their playbooks hide.
#[derive(Debug, Default)]
pub struct Backups {
    /// They.
    pub found: Vec<Found>,
    /// What must not be shown.
    pub secrets: Secrets,
}

async fn tell(session: &Session, told: Told<'_>) -> Result<(Vec<Said>, Secrets), BackupError> {
    let values = [
        ("verb", told.verb),
        ("only", told.program),
        ("archive", told.archive),
        ("identity", told.identity.unwrap_or_default()),
    ];
    let values = values.map(|(name, value)| format!("{name}={}\n", shell::quote(value)));
    let text = format!("{}{}{SCRIPT}", library(), values.concat());
    let script = match told.identity {
        Some(_) => Script::hidden(text),
        None => Script::open(text),
    };
    let output = session.start(script).await?.output().await?;
    let (mut all, mut secrets) = (Vec::new(), Secrets::default());
    let mut rest = &output.stdout[..];
    loop {
        let frame;
        (frame, rest) = Frame::read(rest).map_err(|_| BackupError::Answer { host: session.name() })?;
        match frame.kind {
            "end" => return Ok((all, secrets)),
            "backup" => {
                let (program, status) = frame.name.rsplit_once(' ').unwrap_or_default();
                all.push(Said {
                    program: program.to_owned(),
                    failed: status != "0",
                    text: String::from_utf8_lossy(frame.body).into_owned(),
                });
            }
            "bundle" => {
                if let Ok(bundle) = serde_json::from_slice(frame.body) {
                    secrets.extend(&secrets_of(&bundle));
                }
            }
            _ => {}
        }
    }
}

/// Of a program, `/usr/local/lib/PLAYBOOK/backups/NAME/run`, what it backs up.
fn found(program: &str) -> Option<Found> {
    let mut parts = program.rsplit('/').skip(1);
    let (name, _, playbook) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Found {
        playbook: playbook.to_owned(),
        name: name.to_owned(),
        program: program.to_owned(),
    })
}

/// The backups that are meant; there is one.
///
/// # Errors
/// When there is none, or the host does not answer.
pub async fn find(session: &Session, which: Which<'_>) -> Result<Backups, BackupError> {
    let told = Told {
        verb: "about",
        ..Told::default()
    };
    let (said, secrets) = tell(session, told).await?;
    let all: Vec<Found> = said.iter().filter_map(|said| found(&said.program)).collect();
    let host = session.name();
    let known: Vec<String> = all
        .iter()
        .map(|found| format!("{} of {}", found.name, found.playbook))
        .collect();
    let is_meant = |found: &Found| {
        which.name.is_none_or(|name| found.name == name)
            && which.playbook.is_none_or(|playbook| found.playbook == playbook)
    };
    let found: Vec<Found> = all.into_iter().filter(is_meant).collect();
    match (known.is_empty(), found.is_empty()) {
        (true, _) => Err(BackupError::Nothing { host }),
        (false, true) => {
            let name = which.name.or(which.playbook).unwrap_or_default().to_owned();
            Err(BackupError::Unknown { host, name, known })
        }
        _ => Ok(Backups { found, secrets }),
    }
}

impl Backups {
    /// The only one.
    ///
    /// # Errors
    /// When there are several.
    pub fn one(&self, session: &Session) -> Result<&Found, BackupError> {
        match &self.found[..] {
            [one] => Ok(one),
            several => Err(BackupError::Several {
                host: session.name(),
                known: several
                    .iter()
                    .map(|found| format!("{} of {}", found.name, found.playbook))
                    .collect(),
            }),
        }
    }
}

impl Found {
    async fn told(&self, session: &Session, told: Told<'_>) -> Result<Said, BackupError> {
        let program = &self.program;
        let (said, _) = tell(session, Told { program, ..told }).await?;
        let said = said.into_iter().next();
        said.ok_or(BackupError::Answer { host: session.name() })
    }

    fn done(&self, said: Said) -> Done {
        self.ended(said.failed, said.text.trim_end())
    }

    /// What is told of what it did.
    pub(super) fn ended(&self, failed: bool, said: &str) -> Done {
        Done {
            playbook: self.playbook.clone(),
            name: self.name.clone(),
            failed,
            said: said.to_owned(),
        }
    }

    /// Makes an archive.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn run(&self, session: &Session) -> Result<Done, BackupError> {
        let said = self.told(session, Told::to("run")).await?;
        Ok(self.done(said))
    }

    /// What there is.
    ///
    /// # Errors
    /// When the host does not answer, or its archives cannot be listed.
    pub async fn list(&self, session: &Session) -> Result<Listed, BackupError> {
        let said = self.told(session, Told::to("list")).await?;
        match said.failed {
            false => Ok(answer::listed(&said.text)),
            true => Err(self.unreadable(session, &said)),
        }
    }

    /// Reads an archive to its end, the newest unless named.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn verify(
        &self,
        session: &Session,
        archive: Option<&str>,
        identity: Option<&str>,
    ) -> Result<Done, BackupError> {
        let told = Told {
            verb: "verify",
            archive: archive.unwrap_or_default(),
            identity,
            ..Told::default()
        };
        Ok(self.done(self.told(session, told).await?))
    }

    /// What restoring an archive would do, the newest unless named.
    ///
    /// # Errors
    /// When the host does not answer, or the archive cannot be read.
    pub async fn changes(
        &self,
        session: &Session,
        archive: Option<&str>,
        identity: Option<&str>,
    ) -> Result<(Archive, Vec<Difference>), BackupError> {
        let told = Told {
            verb: "changes",
            archive: archive.unwrap_or_default(),
            identity,
            ..Told::default()
        };
        let said = self.told(session, told).await?;
        answer::changes(&said.text)
            .filter(|_| !said.failed)
            .ok_or_else(|| self.unreadable(session, &said))
    }

    /// Restores an archive: what it replaces is kept.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn restore(
        &self,
        session: &Session,
        archive: &Archive,
        identity: Option<&str>,
    ) -> Result<Done, BackupError> {
        let told = Told {
            verb: "restore",
            archive: &archive.name,
            identity,
            ..Told::default()
        };
        Ok(self.done(self.told(session, told).await?))
    }

    fn unreadable(&self, session: &Session, said: &Said) -> BackupError {
        BackupError::Unreadable {
            name: self.name.clone(),
            host: session.name(),
            said: said.text.trim_end().replace('\n', "; "),
        }
    }
}

/// The error with which a verb ends of whose backups some failed.
pub fn failed(session: &Session, done: &[Done]) -> Result<(), BackupError> {
    match done.iter().filter(|done| done.failed).count() {
        0 => Ok(()),
        count => Err(BackupError::Failed {
            host: session.name(),
            count,
        }),
    }
}
