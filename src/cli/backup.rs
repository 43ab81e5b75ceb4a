//! `hostwright backup`: the backups of a host.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::Diagnostic;

use super::common::{HostArgs, OutputArgs, boxed};
use super::prompt::{confirmed, is_interactive};
use super::{Exit, Failure};
use crate::language::PlaybookError;
use crate::operations::backups::ask::{Backups, Which, failed, find};
use crate::operations::backups::drill::drill;
use crate::operations::event::Event;
use crate::operations::history::{self, HistoryError, whole};
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make an archive now
    Run {
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Show what archives there are
    List {
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Read an archive to its end
    Verify {
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        archive: ArchiveArgs,
        /// Restore it on a throwaway host of this machine to which the playbook was applied, and run the checks there
        #[arg(long)]
        drill: bool,
    },
    /// Show what an archive would change, ask, and restore it; what it replaces is kept
    Restore {
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        archive: ArchiveArgs,
        /// Restore without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Which backups of which host.
#[derive(Debug, clap::Args)]
struct WhichArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The backup's name; all of the host unless given
    name: Option<String>,
    /// The playbook's name, where two have a backup of one name
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Which archive.
#[derive(Debug, clap::Args)]
struct ArchiveArgs {
    /// The archive's name, as `list` shows it; the newest unless given
    #[arg(long, value_name = "NAME")]
    archive: Option<String>,
    /// Open an encrypted archive with the identity in this file, as `age-keygen` writes it
    #[arg(long, value_name = "FILE")]
    age_identity: Option<PathBuf>,
}

impl ArchiveArgs {
    fn identity(&self) -> Result<Option<String>, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).map_err(|error| {
                boxed(PlaybookError::plain(
                    format!("{} cannot be read: {error}", path.display()),
                    "name a file with an age identity, as `age-keygen` writes it",
                ))
            })
        };
        let text = self.age_identity.as_ref().map(read).transpose()?;
        Ok(text.map(|text| text.trim_end().to_owned()))
    }
}

impl WhichArgs {
    async fn open(&self, view: &mut View) -> Result<(Session, Backups), Failure> {
        let session = Session::open(self.host.access().await?).await.map_err(boxed)?;
        let which = Which {
            name: self.name.as_deref(),
            playbook: self.playbook.as_deref(),
        };
        let backups = find(&session, which).await.map_err(boxed)?;
        let names = backups
            .found
            .iter()
            .map(|found| format!("{} of {}", found.name, found.playbook));
        view.event(&Event::BackingUp {
            backups: &names.collect::<Vec<_>>(),
            secrets: &backups.secrets,
        });
        Ok((session, backups))
    }
}

pub(super) async fn run(args: &Args) -> Exit {
    match &args.command {
        Command::Run { which } => {
            let work = async |view: &mut View| make(which, view).await;
            which.output.shown("backup run", work).await
        }
        Command::List { which } => {
            let work = async |view: &mut View| list(which, view).await;
            which.output.shown("backup list", work).await
        }
        Command::Verify {
            which,
            archive,
            drill,
        } => {
            let work = async |view: &mut View| verify(which, archive, *drill, view).await;
            which.output.shown("backup verify", work).await
        }
        Command::Restore { which, archive, yes } => {
            let work = async |view: &mut View| restore(which, archive, *yes, view).await;
            which.output.shown("backup restore", work).await
        }
    }
}

async fn make(which: &WhichArgs, view: &mut View) -> Exit {
    let (session, backups) = which.open(view).await?;
    let mut all = Vec::new();
    for found in &backups.found {
        let done = found.run(&session).await.map_err(boxed)?;
        view.event(&Event::BackedUp(&done));
        all.push(done);
    }
    failed(&session, &all).map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn list(which: &WhichArgs, view: &mut View) -> Exit {
    let (session, backups) = which.open(view).await?;
    let mut all = Vec::new();
    for found in &backups.found {
        all.push(found.list(&session).await.map_err(boxed)?);
    }
    view.event(&Event::Backups {
        host: &session.name(),
        backups: &all,
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn verify(which: &WhichArgs, archive: &ArchiveArgs, drilled: bool, view: &mut View) -> Exit {
    let identity = archive.identity()?;
    let (session, backups) = which.open(view).await?;
    if archive.archive.is_some() {
        backups.one(&session).map_err(boxed)?;
    }
    let mut all = Vec::new();
    for found in &backups.found {
        let (archive, identity) = (archive.archive.as_deref(), identity.as_deref());
        let done = match drilled {
            true => drill(&session, found, archive, identity, &mut |event| view.event(event))
                .await
                .map_err(boxed)?,
            false => found.verify(&session, archive, identity).await.map_err(boxed)?,
        };
        match drilled {
            true => view.event(&Event::BackupDrilled(&done)),
            false => view.event(&Event::BackupVerified(&done)),
        }
        all.push(done);
    }
    failed(&session, &all).map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Asks the checks of the backup's playbook, after a restore that has gone well. What they need from here may not be at
/// hand: then it is said that they were not asked.
async fn checked(session: &Session, playbook: &str, view: &mut View) -> Result<(), Failure> {
    let whole = whole(session, Some(playbook), history::Which::Latest).await;
    let whole = whole.map_err(boxed)?;
    match history::verify(session, &whole, &mut |event| view.event(event)).await {
        Err(HistoryError::Playbook(errors)) => {
            let all = errors.related().into_iter().flatten();
            let all: Vec<String> = all.map(ToString::to_string).collect();
            view.event(&Event::Unchecked {
                playbook,
                why: &all.join("; "),
            });
            Ok(())
        }
        ended => ended.map_err(boxed),
    }
}

async fn restore(which: &WhichArgs, archive: &ArchiveArgs, yes: bool, view: &mut View) -> Exit {
    let identity = archive.identity()?;
    let (session, backups) = which.open(view).await?;
    let found = backups.one(&session).map_err(boxed)?;
    let changes = found.changes(&session, archive.archive.as_deref(), identity.as_deref());
    let (archive, differences) = changes.await.map_err(boxed)?;
    view.event(&Event::RestorePlan {
        host: &session.name(),
        archive: &archive,
        differences: &differences,
    });
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !yes {
        if view.is_for_programs() || !is_interactive() {
            return Err(boxed(PlaybookError::plain(
                "restore asks before it changes a host, and there is no terminal to ask on; nothing was changed",
                "give --yes to restore without asking",
            )));
        }
        if !confirmed("\nRestore?").await {
            anstream::println!("Nothing was changed.");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let done = found.restore(&session, &archive, identity.as_deref());
    let done = done.await.map_err(boxed)?;
    view.event(&Event::Restored(&done));
    failed(&session, &[done]).map_err(boxed)?;
    checked(&session, &found.playbook, view).await?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
