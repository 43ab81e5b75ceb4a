//! What several commands share: their options.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::hosts::{Host, Hosts, Values, no_playbook, nowhere};
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
    /// The playbook, a YAML file; without it, that of a host of hostwright.yml, which can be named here, too
    pub playbook: Option<PathBuf>,
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
    /// [user@]host[:port], a Host alias of ~/.ssh/config, vultr:LABEL, or a name in hostwright.yml; without it, the one host there
    pub target: Option<Place>,
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

/// What a command is about: what its words say, and hostwright.yml where they leave something out.
#[derive(Debug, Default)]
pub(super) struct Choice {
    playbook: Option<PathBuf>,
    place: Option<Place>,
    host: Option<Host>,
}

impl Choice {
    /// What is chosen by a playbook and a target, as far as they are given.
    ///
    /// # Errors
    /// When hostwright.yml is needed and wrong, or has several hosts and none is named.
    fn of(playbook: Option<&Path>, target: Option<&Place>, is_host_needed: bool) -> Result<Self, Failure> {
        let named = |hosts: &Hosts, word: &str| hosts.named(word).cloned();
        // A whole command line needs no file; a word of it may be a name there.
        let word = match (target, playbook) {
            (Some(Place::Host(target)), _) => Some(target.to_string()),
            (Some(Place::Machine { .. }), _) => None,
            (None, playbook) => playbook.and_then(Path::to_str).map(str::to_owned),
        };
        if target.is_some()
            && word
                .as_ref()
                .is_none_or(|word| word.contains(['@', ':', '.', '/']))
        {
            return Ok(Self {
                playbook: playbook.map(Path::to_path_buf),
                place: target.cloned(),
                host: None,
            });
        }
        let hosts = Hosts::here()?;
        let by_name = hosts
            .as_ref()
            .zip(word)
            .and_then(|(hosts, word)| named(hosts, &word));
        let (host, playbook) = match (by_name, target) {
            // The one word that is given names the host.
            (Some(host), None) => (Some(host), None),
            (by_name, Some(_)) => (by_name, playbook),
            (None, None) => {
                let only = match &hosts {
                    Some(hosts) if is_host_needed || playbook.is_none() => Some(hosts.only()?.clone()),
                    Some(hosts) => hosts.only().ok().cloned(),
                    None => None,
                };
                (only, playbook)
            }
        };
        let place = host
            .as_ref()
            .map(|host| host.place.clone())
            .or_else(|| target.cloned());
        Ok(Self {
            playbook: playbook.map(Path::to_path_buf),
            place,
            host,
        })
    }

    /// The host, as a person calls it.
    pub fn title(&self) -> String {
        let place = self.place.as_ref().map(ToString::to_string).unwrap_or_default();
        match &self.host {
            Some(host) if host.name != place => format!("{} ({place})", host.name),
            _ => place,
        }
    }

    /// The playbook, and the values that its vars have on the host.
    pub fn playbook(&self) -> Result<(PathBuf, Values), Failure> {
        let own = self
            .host
            .as_ref()
            .and_then(|host| Some((host.playbook.clone()?, host.vars.clone())));
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        match (&self.playbook, own) {
            (Some(path), Some((own, vars))) if whole(path) == whole(&own) => Ok((path.clone(), vars)),
            (Some(path), _) => Ok((path.clone(), Vec::new())),
            (None, Some(own)) => Ok(own),
            (None, None) => Err(no_playbook(self.host.as_ref())),
        }
    }
}

impl HostArgs {
    /// What the target chooses.
    ///
    /// # Errors
    /// When no host is named.
    pub fn choice(&self) -> Result<Choice, Failure> {
        let choice = Choice::of(None, self.target.as_ref(), true)?;
        match choice.place {
            Some(_) => Ok(choice),
            None => Err(nowhere()),
        }
    }

    /// How to reach the host; where a provider knows its address, the provider is asked. HOSTWRIGHT_SSH_PASSWORD is
    /// what logs in where keys do not do.
    ///
    /// # Errors
    /// When no host is named, a password cannot be read, or the provider has no such machine.
    pub async fn access(&self) -> Result<Access, Failure> {
        self.access_to(&Choice::of(None, self.target.as_ref(), true)?)
            .await
    }

    /// A number that stands where a target may stand, and so is none.
    pub fn number(&self) -> Option<u32> {
        match &self.target {
            Some(Place::Host(target)) => target.to_string().parse().ok(),
            _ => None,
        }
    }

    /// How to reach the host that is chosen.
    ///
    /// # Errors
    /// As [`Self::access`].
    pub async fn access_to(&self, choice: &Choice) -> Result<Access, Failure> {
        let Choice { place, host, .. } = choice;
        let own = |given: &Option<PathBuf>, own: fn(&Host) -> &Option<PathBuf>| {
            given
                .clone()
                .or_else(|| host.as_ref().and_then(|host| own(host).clone()))
        };
        let password_file = own(&self.sudo_password_file, |host| &host.sudo_password_file);
        let options = Options {
            identity: own(&self.identity, |host| &host.identity),
            known_hosts: own(&self.known_hosts, |host| &host.known_hosts),
            accept_new: self.accept_new,
            fingerprint: self.fingerprint.clone(),
            password: person::password(None, "HOSTWRIGHT_SSH_PASSWORD").map_err(boxed)?,
            root_password: person::password(password_file.as_deref(), "HOSTWRIGHT_SUDO_PASSWORD")
                .map_err(boxed)?,
            person: person::person(self.ask_sudo_pass),
            wait: Duration::from_secs(self.wait.unwrap_or(0)),
            ..Options::default()
        };
        match place {
            None => Err(nowhere()),
            Some(Place::Host(target)) => Ok(Access {
                target: target.clone(),
                options,
            }),
            Some(Place::Machine {
                user,
                provider,
                label,
            }) => {
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

    /// Connects to the host, where numbers follow its name, and the first of them may stand in its place. Those are
    /// returned in their order.
    pub async fn open_for<const N: usize>(
        &self,
        numbers: [Option<u32>; N],
    ) -> Result<(Session, [Option<u32>; N]), Failure> {
        let (access, numbers) = match (self.host.number(), numbers.last()) {
            (Some(first), Some(None)) => {
                let mut all = std::iter::once(Some(first)).chain(numbers);
                let choice = Choice::of(None, None, true)?;
                (
                    self.host.access_to(&choice).await?,
                    numbers.map(|_| all.next().flatten()),
                )
            }
            _ => (self.host.access().await?, numbers),
        };
        Ok((Session::open(access).await.map_err(boxed)?, numbers))
    }

    /// The playbook as one of its generations has it.
    pub async fn whole(&self, session: &Session, which: Which) -> Result<Whole, Failure> {
        whole(session, self.playbook.as_deref(), which)
            .await
            .map_err(boxed)
    }
}

impl PlaybookArgs {
    /// What the playbook and a target choose.
    pub fn choice(&self, host: Option<&HostArgs>) -> Result<Choice, Failure> {
        let target = host.and_then(|host| host.target.as_ref());
        Choice::of(self.playbook.as_deref(), target, host.is_some())
    }

    /// The playbook that is chosen, and the values that its vars are given.
    pub fn chosen(&self, choice: &Choice, rehearsal: bool) -> Result<(PathBuf, Overrides), Failure> {
        let (playbook, host) = choice.playbook()?;
        let overrides = Overrides {
            host,
            set: self.set.clone(),
            vars: self.vars.clone(),
            rehearsal,
            person: person::person(false),
        };
        Ok((playbook, overrides))
    }

    /// Reads the playbook; nothing is built and no host is contacted.
    pub fn prove(&self, choice: &Choice, rehearsal: bool, view: &mut View) -> Result<Proved, Failure> {
        let (playbook, overrides) = self.chosen(choice, rehearsal)?;
        prove(&playbook, &overrides, &mut |event| view.event(event)).map_err(boxed)
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
