//! What several commands share: their options.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Exit, Failure, person};
use crate::host::provider::{self, Place};
use crate::host::ssh::Options;
use crate::operations::history::{Which, Whole, whole};
use crate::operations::playbook::{Proved, prove};
use crate::operations::provision;
use crate::operations::session::Session;
use crate::playbook::load::Overrides;
use crate::report::View;
use crate::transaction::run::Access;

/// Which playbook, and with which values.
#[derive(Debug, clap::Args)]
pub(super) struct PlaybookArgs {
    /// The playbook, a YAML file
    pub playbook: PathBuf,
    /// Give a var another value
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Give vars other values from a YAML file
    #[arg(long, value_name = "FILE")]
    pub vars: Option<PathBuf>,
    /// Show whole new files and every line that steps print
    #[arg(short, long)]
    pub verbose: bool,
    /// Say only what failed
    #[arg(short, long, conflicts_with_all = ["verbose", "json"])]
    pub quiet: bool,
    /// Write JSON, a line for each thing that happens (`hostwright schema --output` describes it)
    #[arg(long)]
    pub json: bool,
}

/// How a command that needs no playbook says what happens.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Show whole new files and every line that steps print
    #[arg(short, long)]
    pub verbose: bool,
    /// Say only what failed
    #[arg(short, long, conflicts_with_all = ["verbose", "json"])]
    pub quiet: bool,
    /// Write JSON, a line for each thing that happens (`hostwright schema --output` describes it)
    #[arg(long)]
    pub json: bool,
}

/// How to reach a host.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgs {
    /// [user@]host[:port], a Host alias of ~/.ssh/config, or vultr:LABEL
    pub target: Place,
    /// Log in with this key file
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Read and write host keys in this file instead of ~/.ssh/known_hosts
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// Trust and remember the key of a host that is not known yet, whatever it is
    #[arg(long)]
    pub accept_new: bool,
    /// Trust the host only if its key has this fingerprint, as `ssh-keygen -lf` prints it, and remember it
    #[arg(long, value_name = "SHA256:…", value_parser = fingerprint)]
    pub fingerprint: Option<String>,
    /// Wait so long for a host that boots
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
    /// Ask for the password that makes the remote user root, wherever input comes from
    #[arg(long)]
    pub ask_sudo_pass: bool,
    /// Read that password from a file; without it HOSTWRIGHT_SUDO_PASSWORD counts
    #[arg(long, value_name = "FILE")]
    pub sudo_password_file: Option<PathBuf>,
}

impl HostArgs {
    /// How to reach it; where a provider knows its address, the provider is asked. HOSTWRIGHT_SSH_PASSWORD is what logs
    /// in where keys do not do.
    ///
    /// # Errors
    /// When a password cannot be read, or the provider has no such machine.
    pub async fn access(&self) -> Result<Access, Failure> {
        let options = Options {
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            accept_new: self.accept_new,
            fingerprint: self.fingerprint.clone(),
            password: person::password(None, "HOSTWRIGHT_SSH_PASSWORD").map_err(boxed)?,
            root_password: person::password(self.sudo_password_file.as_deref(), "HOSTWRIGHT_SUDO_PASSWORD")
                .map_err(boxed)?,
            person: person::person(self.ask_sudo_pass),
            wait: Duration::from_secs(self.wait.unwrap_or(0)),
            ..Options::default()
        };
        match &self.target {
            Place::Host(target) => Ok(Access {
                target: target.clone(),
                options,
            }),
            Place::Machine {
                user,
                provider,
                label,
            } => {
                let provider = provider::by_name(provider).map_err(boxed)?;
                let machine = provision::named(&*provider, label).await.map_err(boxed)?;
                provision::access(&*provider, &machine, user.clone(), options).map_err(boxed)
            }
        }
    }
}

fn fingerprint(text: &str) -> Result<String, String> {
    match text.strip_prefix("SHA256:") {
        // Base64 of 32 bytes, without its filling.
        Some(hash) if hash.len() == 43 => Ok(text.to_owned()),
        _ => Err("write it as `ssh-keygen -lf` prints it: SHA256: and 43 characters".into()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write key=value".into()),
    }
}

/// Which playbook of those that were applied to a host, for commands that take it from there.
#[derive(Debug, clap::Args)]
pub(super) struct AppliedArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The playbook's name, where the host has several
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl AppliedArgs {
    /// Connects to the host.
    pub async fn open(&self) -> Result<Session, Failure> {
        Session::open(self.host.access().await?).await.map_err(boxed)
    }

    /// The playbook as one of its generations has it.
    pub async fn whole(&self, session: &Session, which: Which) -> Result<Whole, Failure> {
        whole(session, self.playbook.as_deref(), which)
            .await
            .map_err(boxed)
    }
}

impl PlaybookArgs {
    /// The values that vars are given.
    pub fn overrides(&self, rehearsal: bool) -> Overrides {
        Overrides {
            set: self.set.clone(),
            vars: self.vars.clone(),
            rehearsal,
        }
    }

    /// Reads the playbook; nothing is built and no host is contacted.
    pub fn prove(&self, rehearsal: bool, view: &mut View) -> Result<Proved, Failure> {
        let overrides = self.overrides(rehearsal);
        prove(&self.playbook, &overrides, &mut |event| view.event(event)).map_err(boxed)
    }

    /// Does the work of `command` before the eyes of whoever reads its output, and shows what it failed with.
    pub async fn shown(&self, command: &str, work: impl AsyncFnOnce(&mut View) -> Exit) -> Exit {
        let Self {
            verbose, quiet, json, ..
        } = *self;
        let output = OutputArgs { verbose, quiet, json };
        output.shown(command, work).await
    }
}

impl OutputArgs {
    /// Does the work of `command` before the eyes of whoever reads its output, and shows what it failed with.
    pub async fn shown(&self, command: &str, work: impl AsyncFnOnce(&mut View) -> Exit) -> Exit {
        let view = match self.json {
            true => View::json(command),
            false => View::text(self.verbose, self.quiet),
        };
        shown(view, work).await
    }
}

/// Does work before the eyes of whoever reads, and shows what it failed with.
pub(super) async fn shown(mut view: View, work: impl AsyncFnOnce(&mut View) -> Exit) -> Exit {
    let exit = work(&mut view).await;
    Ok(exit.unwrap_or_else(|error| {
        view.error(error.as_ref());
        ExitCode::FAILURE
    }))
}

/// Makes an error one that a command may end with.
pub(super) fn boxed(error: impl miette::Diagnostic + Send + Sync + 'static) -> Failure {
    Box::new(error)
}
