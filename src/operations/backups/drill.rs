//! The proof that a backup is worth something: a throwaway host is made as the playbook says, an archive is restored
//! there, and the playbook's checks are asked. The host whose backup it is remembers when that was.

use std::fs::{File, create_dir_all, write};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::ask::{BackupError, Found};
use super::{Archive, Done};
use crate::change::counted;
use crate::host::rehearsal::{BootOptions, Rehearsal};
use crate::host::ssh::{Event as Said, Script, SshError};
use crate::language::PlaybookErrors;
use crate::layout::{BACKUPS, BASE};
use crate::operations::apply::{self, ApplyError};
use crate::operations::event::{Event, Observe};
use crate::operations::history::{HistoryError, Which, Whole, whole};
use crate::operations::interrupts::{CannotListen, Interrupts};
use crate::operations::rehearse::{Choice, RehearseError, access, blocking, get_image, mark};
use crate::operations::session::Session;
use crate::shell;
use crate::transaction::compile::OnFailure;

/// Why it is not known whether an archive can be restored.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DrillError {
    /// The backup.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Backup(#[from] BackupError),
    /// The playbook as it was applied.
    #[error(transparent)]
    #[diagnostic(transparent)]
    History(#[from] HistoryError),
    /// It cannot be rendered here and now.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Playbook(#[from] PlaybookErrors),
    /// The throwaway host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rehearse(#[from] RehearseError),
    /// It could not be asked to end.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Signals(#[from] CannotListen),
    /// There is nothing to restore.
    #[error("the backup {name} has no archive{}", wanted.as_ref().map_or(String::new(), |wanted| format!(" {wanted}")))]
    #[diagnostic(help("`hostwright backup list` tells what there is, `hostwright backup run` makes one"))]
    None {
        /// The backup.
        name: String,
        /// What was asked for.
        wanted: Option<String>,
    },
    /// It is encrypted.
    #[error("{archive} is encrypted, and no age identity was given to open it")]
    #[diagnostic(help("give the file that has it with --age-identity"))]
    Closed {
        /// The archive.
        archive: String,
    },
    /// A file of the throwaway host could not be written.
    #[error("{} cannot be written: {cause}", path.display())]
    #[diagnostic(help("see whether this machine's disk is full"))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// What the host sent was not what was asked for.
    #[error("{host} did not send {what}: {said}")]
    #[diagnostic(help("run it again; `hostwright backup verify` reads the archive on the host itself"))]
    Sent {
        /// The host.
        host: String,
        /// What.
        what: String,
        /// What it said instead.
        said: String,
    },
}

impl From<SshError> for DrillError {
    fn from(error: SshError) -> Self {
        Self::Backup(error.into())
    }
}

impl From<ApplyError> for DrillError {
    fn from(error: ApplyError) -> Self {
        Self::Rehearse(error.into())
    }
}

/// Restores an archive, the newest unless named, on a throwaway host, and asks the checks there.
///
/// # Errors
/// When it could not be tried. That the archive cannot be restored, or a check fails, is what it did.
pub async fn drill(
    session: &Session,
    found: &Found,
    wanted: Option<&str>,
    identity: Option<&str>,
    observe: &mut Observe<'_>,
) -> Result<Done, DrillError> {
    let start = Instant::now();
    let archives = found.list(session).await?.archives;
    let archive = match wanted {
        None => archives.last(),
        Some(name) => archives.iter().find(|archive| archive.name == name),
    };
    let Some(archive) = archive.cloned() else {
        return Err(DrillError::None {
            name: found.name.clone(),
            wanted: wanted.map(str::to_owned),
        });
    };
    let is_closed = Path::new(&archive.name)
        .extension()
        .is_some_and(|extension| extension == "age");
    if is_closed && identity.is_none() {
        let archive = archive.name;
        return Err(DrillError::Closed { archive });
    }
    let whole = whole(session, Some(&found.playbook), Which::Latest).await?;
    let image = get_image(&Choice::default(), observe).await?;
    let mut interrupts = Interrupts::listen()?;
    let host = blocking(move || Rehearsal::boot(&image, &BootOptions::default())).await?;
    observe(&Event::Booted {
        host: host.name(),
        address: host.address().to_string(),
    });
    let drill = Drill {
        session,
        found,
        archive: &archive,
        identity,
    };
    let outcome = tokio::select! {
        outcome = drill.on(&host, &whole, observe) => outcome,
        () = interrupts.next() => Err(RehearseError::Interrupted.into()),
    };
    blocking(move || host.shutdown()).await?;
    let mut done = outcome?;
    if !done.failed {
        done.said = format!("{} in {:.0} s", done.said, start.elapsed().as_secs_f64());
    }
    drill.remember(&done).await?;
    Ok(done)
}

struct Drill<'a> {
    session: &'a Session,
    found: &'a Found,
    archive: &'a Archive,
    identity: Option<&'a str>,
}

impl Drill<'_> {
    async fn on(
        &self,
        host: &Rehearsal,
        whole: &Whole,
        observe: &mut Observe<'_>,
    ) -> Result<Done, DrillError> {
        let Found { playbook, name, .. } = self.found;
        let mut rehearsal = Session::open(access(host)).await?;
        mark(&rehearsal).await?;
        observe(&Event::Doing {
            what: "Fetching the archive, and what the playbook installs",
        });
        // What rendering leaves on the host is in its store alone.
        let store = format!(
            "cd {BASE}/store && tar --create --file - --files-from {BASE}/generations/{playbook}/{}/contents\n",
            whole.number
        );
        let base = host.root().join(&BASE[1..]);
        self.fetch(store, &base.join("store.tar"), "what the playbook installs")
            .await?;
        let unpack = format!(
            "mkdir -p {BASE}/store && tar -xmf {BASE}/store.tar -C {BASE}/store && rm {BASE}/store.tar\n"
        );
        rehearsal.ask(unpack).await?;
        let kept = host
            .root()
            .join(&BACKUPS[1..])
            .join(playbook)
            .join(name)
            .join("kept");
        let archive = &self.archive.name;
        let fetch = shell::words([&self.found.program, "fetch", archive]);
        create_dir_all(&kept).map_err(|cause| DrillError::Write {
            path: kept.clone(),
            cause,
        })?;
        let fetched = self
            .fetch(format!("{fetch} </dev/null\n"), &kept.join(archive), archive)
            .await;
        match fetched {
            Err(DrillError::Sent { said, .. }) => {
                return Ok(self
                    .found
                    .ended(true, &format!("{archive} cannot be read: {said}")));
            }
            fetched => fetched?,
        }
        let path = kept.join(format!("{archive}.manifest"));
        write(&path, manifest(self.archive)).map_err(|cause| DrillError::Write { path, cause })?;

        let built = whole.rehearsed()?;
        let (_, plan) = rehearsal.plan(&built.desired).await.map_err(ApplyError::from)?;
        apply::run_and_verify(&mut rehearsal, &built.desired, &plan, OnFailure::Stop, observe).await?;
        let restored = self
            .found
            .restore(&rehearsal, self.archive, self.identity)
            .await?;
        if restored.failed {
            return Ok(restored);
        }
        observe(&Event::Restored(&restored));
        let checked = apply::check(&rehearsal, &built.desired, observe).await;
        rehearsal.close().await;
        let checks = counted(built.desired.checks.len(), "check");
        match checked {
            Ok(()) => Ok(self.found.ended(
                false,
                &format!("{archive} was restored on a rehearsal host; {checks} passed"),
            )),
            Err(ApplyError::Checks { count, total, .. }) => Ok(self.found.ended(
                true,
                &format!(
                    "{archive} was restored on a rehearsal host, where {count} of {total} checks failed"
                ),
            )),
            Err(other) => Err(other.into()),
        }
    }

    /// Writes what a script prints on the host to a file here.
    async fn fetch(&self, script: String, path: &Path, what: &str) -> Result<(), DrillError> {
        let wrong = |cause| DrillError::Write {
            path: path.to_owned(),
            cause,
        };
        let mut file = File::create(path).map_err(wrong)?;
        let mut exec = self.session.start(Script::open(script)).await?;
        let mut said = Vec::new();
        let mut status = 0;
        while let Some(event) = exec.next().await? {
            match event {
                Said::Stdout(bytes) => file.write_all(&bytes).map_err(wrong)?,
                Said::Stderr(bytes) => said.extend(bytes),
                Said::Exit(code) => status = code,
                Said::Fed(_) => {}
            }
        }
        match status {
            0 => Ok(()),
            _ => Err(DrillError::Sent {
                host: self.session.name(),
                what: what.to_owned(),
                said: String::from_utf8_lossy(&said).trim().replace('\n', "; "),
            }),
        }
    }

    /// Lets the host remember when an archive of it was proved, or was found to be none.
    async fn remember(&self, done: &Done) -> Result<(), SshError> {
        let outcome = if done.failed { "failed" } else { "ok" };
        let said = done.said.lines().last().unwrap_or_default();
        let words = [&self.found.program, "drilled", &self.archive.name, outcome, said];
        let script = format!("{} </dev/null\n", shell::words(words));
        self.session.ask(script).await.map(drop)
    }
}

/// What stands beside an archive when it is whole.
fn manifest(archive: &Archive) -> String {
    let Archive {
        name,
        size,
        made,
        entries,
        sha256,
    } = archive;
    format!("archive {name}\nsha256 {sha256}\nsize {size}\nentries {entries}\nmade {made}\n")
}
