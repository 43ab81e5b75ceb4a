//! What several commands share: their options, and the way from a playbook to an applied one.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Failure, person};
use crate::artifact;
use crate::change::{Change, counted};
use crate::checks::shortened;
use crate::desired::Desired;
use crate::host::ssh::Options;
use crate::host::target::Target;
use crate::plan::Plan;
use crate::playbook::load::{Loaded, Overrides, load};
use crate::playbook::render::render;
use crate::report::progress::Progress;
use crate::report::{self};
use crate::resources::binary::sources;
use crate::session::Session;
use crate::transaction::run::{Access, Outcome};

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
}

/// How to reach a host.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgs {
    /// [user@]host[:port], or a Host alias of ~/.ssh/config
    pub target: Target,
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
    /// How to reach the host. HOSTWRIGHT_SSH_PASSWORD is what logs in where keys do not do.
    ///
    /// # Errors
    /// When a password cannot be read.
    pub fn access(&self) -> Result<Access, Failure> {
        let options = Options {
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            accept_new: self.accept_new,
            fingerprint: self.fingerprint.clone(),
            password: person::password(None, "HOSTWRIGHT_SSH_PASSWORD")?,
            root_password: person::password(self.sudo_password_file.as_deref(), "HOSTWRIGHT_SUDO_PASSWORD")?,
            person: person::person(self.ask_sudo_pass),
            wait: Duration::from_secs(self.wait.unwrap_or(0)),
            ..Options::default()
        };
        Ok(Access {
            target: self.target.clone(),
            options,
        })
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

impl PlaybookArgs {
    /// Reads the playbook; nothing is built and no host is contacted.
    pub fn load(&self, rehearsal: bool) -> Result<Loaded, Failure> {
        let overrides = Overrides {
            set: self.set.clone(),
            vars: self.vars.clone(),
            rehearsal,
        };
        let loaded = load(&self.playbook, &overrides).map_err(boxed)?;
        // The whole playbook is proved before anything is built.
        let desired = render(&loaded, None).map_err(boxed)?;
        for warning in &desired.warnings {
            anstream::eprintln!("warning: {warning}");
        }
        Ok(loaded)
    }
}

/// Makes an error one that a command may end with.
pub(super) fn boxed(error: impl miette::Diagnostic + Send + Sync + 'static) -> Failure {
    Box::new(error)
}

/// Builds the playbook's binaries and renders its desired state.
pub(super) async fn desired(loaded: &Loaded) -> Result<Desired, Failure> {
    let (directory, sources) = (loaded.directory.clone(), sources(&loaded.playbook));
    let built = spawn_blocking(move || artifact::build(&directory, sources)).await;
    let artifacts = built
        .map_err(|error| boxed(Unexpected(error.to_string())))?
        .map_err(boxed)?;
    render(loaded, Some(&artifacts)).map_err(boxed)
}

/// A part of the program that ended before its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("a part of the program ended unexpectedly: {0}")]
#[diagnostic(help("report this as a bug"))]
pub(super) struct Unexpected(pub String);

/// Makes the desired state and connects to the host, side by side: a build takes as long as a handshake
/// even when nothing is to build.
pub(super) async fn connect(loaded: &Loaded, host: &HostArgs) -> Result<(Desired, Session), Failure> {
    let access = host.access()?;
    let session = async { Session::open(access).await.map_err(boxed) };
    tokio::try_join!(desired(loaded), session)
}

/// Whether a person looks on and can answer.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks a question that only `y` or `yes` answers with yes.
pub(super) fn ask(question: &str) -> bool {
    anstream::print!("{question} [y/N] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Shows a plan under a line that says for which host.
pub(super) fn show(plan: &Plan, desired: &Desired, session: &Session, release: &str, verbose: bool) {
    let (name, host, reached) = (&desired.name, session.login(), session.reached());
    anstream::println!("Plan of {name} for {host} ({reached}, {release}):\n");
    anstream::print!("{}", report::plan::text(plan, &desired.secrets, verbose));
}

/// Plans once no other run is going on on the host.
pub(super) async fn plan_when_free(
    session: &Session,
    desired: &Desired,
) -> Result<(crate::facts::Facts, Plan), Failure> {
    const PATIENCE: Duration = Duration::from_secs(600);
    let start = Instant::now();
    let mut told = false;
    loop {
        let (facts, plan) = session.plan(desired).await.map_err(boxed)?;
        match &facts.system.busy {
            Some(run) if start.elapsed() < PATIENCE => {
                if !told {
                    anstream::println!(
                        "The run {run} is still going on on {}; waiting for its end.",
                        session.name()
                    );
                    told = true;
                }
                sleep(Duration::from_secs(1)).await;
            }
            _ => return Ok((facts, plan)),
        }
    }
}

/// An apply that did not reach its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(super) enum ApplyError {
    /// A step failed; it has been told already.
    #[error("{host} is not as the playbook says: step {step} failed")]
    #[diagnostic(help("what it said, and what to do, stands above"))]
    Step { host: String, step: String },
    /// After all steps something is left to change.
    #[error("{host} still differs after the run: {left}")]
    #[diagnostic(help(
        "something on the host undoes these changes, or a command does not do what its `unless` asks for"
    ))]
    Left { host: String, left: String },
    /// A check did not come right.
    #[error("{count} of {} failed on {host}", counted(*.total, "check"))]
    #[diagnostic(help("the host is as the playbook says; what it runs does not answer as it should"))]
    Checks {
        host: String,
        count: usize,
        total: usize,
    },
}

/// Runs a plan and proves by a second one that nothing is left to change.
pub(super) async fn run_and_verify(
    session: &mut Session,
    desired: &Desired,
    plan: &Plan,
    verbose: bool,
) -> Result<(), Failure> {
    let start = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    let mut progress = Progress::new(&plan.changes, &desired.secrets, verbose, terminal);
    let outcome = session
        .run(&plan.changes, &desired.secrets, &mut |event| {
            progress.observe(event)
        })
        .await;
    let failure = progress.failure();
    let step = progress
        .failed_step()
        .map_or(String::new(), |change: &Change| change.id.to_string());
    drop(progress);
    if outcome.map_err(boxed)? == Outcome::Failed {
        anstream::print!("\n{failure}");
        return Err(boxed(ApplyError::Step {
            host: session.name(),
            step,
        }));
    }
    let (_, left) = session.plan(desired).await.map_err(boxed)?;
    if !left.changes.is_empty() {
        anstream::print!("\n{}", report::plan::text(&left, &desired.secrets, verbose));
        let mut ids: Vec<&str> = left.changes.iter().map(|change| change.id.as_str()).collect();
        ids.dedup();
        return Err(boxed(ApplyError::Left {
            host: session.name(),
            left: ids.join(", "),
        }));
    }
    let time = start.elapsed().as_secs_f64();
    let changes = counted(plan.changes.len(), "change");
    anstream::println!("\nApplied {changes} in {time:.1} s; nothing is left to change.");
    Ok(())
}

/// Asks the playbook's checks and says how each ended.
pub(super) async fn run_checks(session: &Session, desired: &Desired) -> Result<(), Failure> {
    if desired.checks.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let outcomes = session.check(desired).await.map_err(boxed)?;
    let mut failed = 0;
    for outcome in &outcomes {
        match &outcome.wrong {
            None => anstream::println!("{}", report::progress::passed(&outcome.name)),
            Some(wrong) => {
                failed += 1;
                anstream::println!(
                    "{}",
                    report::progress::wrong(&outcome.name, &shortened(&desired.secrets.redact(wrong)))
                );
            }
        }
    }
    if failed > 0 {
        return Err(boxed(ApplyError::Checks {
            host: session.name(),
            count: failed,
            total: outcomes.len(),
        }));
    }
    let time = start.elapsed().as_secs_f64();
    let checks = counted(outcomes.len(), "check");
    anstream::println!("{checks} passed in {time:.1} s.");
    Ok(())
}
