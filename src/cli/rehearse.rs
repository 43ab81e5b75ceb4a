//! `hostwright rehearse`: the main job on a throwaway host of this machine.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use super::common::{
    PlaybookArgs, Unexpected, ask, boxed, desired, is_interactive, run_and_verify, run_checks, show,
};
use super::{Exit, Failure};
use crate::desired::Desired;
use crate::host::rehearsal::{
    Base, BootOptions, Image, Missing, Rehearsal, RehearsalError, image, install, missing, remove_kept,
};
use crate::host::ssh::Options;
use crate::host::target::Target;
use crate::operations::session::Session;
use crate::transaction::run::Access;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Without one there is `remove`: clap asks for it.
    #[command(flatten)]
    playbook: Option<PlaybookArgs>,
    /// Install what this machine lacks without asking
    #[arg(long)]
    yes: bool,
    /// Leave the host running and say how to enter it
    #[arg(long)]
    keep: bool,
    /// The distribution's release to rehearse on; this machine's own unless given
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// The mirror to take packages from; this machine's own unless given
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Remove a host that --keep left, and rehearse nothing
    #[arg(long, value_name = "NAME", exclusive = true)]
    remove: Option<String>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum CannotRehearse {
    #[error("a rehearsal boots a host on this machine, and it lacks {}", list(.0))]
    #[diagnostic(help("run it as root on a Linux machine that may make namespaces and mounts"))]
    Here(Vec<Missing>),
    #[error("a rehearsal needs {}", .0.join(", "))]
    #[diagnostic(help("install them with `apt-get install {}`, or answer yes (--yes in a script)", .0.join(" ")))]
    Declined(Vec<&'static str>),
    #[error("the second plan is not empty")]
    #[diagnostic(help(
        "an apply that does not converge is a bug in the playbook or in a kind; the plan stands above"
    ))]
    NotEmpty,
    #[error("the rehearsal was interrupted")]
    #[diagnostic(help("the host has been removed"))]
    Interrupted,
    #[error("this process cannot listen for signals: {0}")]
    #[diagnostic(help(
        "a rehearsal that could not be interrupted is not begun; is the machine out of memory?"
    ))]
    Signals(std::io::Error),
}

fn list(missing: &[Missing]) -> String {
    missing
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// How long each part took.
#[derive(Debug, Default)]
struct Timings(Vec<(&'static str, Duration)>);

impl Timings {
    fn add(&mut self, what: &'static str, since: Instant) {
        self.0.push((what, since.elapsed()));
    }

    fn text(&self) -> String {
        let width = self
            .0
            .iter()
            .map(|(what, _)| what.len())
            .max()
            .unwrap_or_default();
        self.0.iter().fold(String::new(), |text, (what, time)| {
            text + &format!("  {what:width$}  {:>6.1} s\n", time.as_secs_f64())
        })
    }
}

/// What asks this process to end. From its making on no signal is lost, and none ends the process
/// before the host is removed.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| boxed(CannotRehearse::Signals(error)));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

pub(super) async fn run(args: &Args) -> Exit {
    match &args.playbook {
        Some(playbook) => with(playbook, args).await,
        None => remove(args.remove.clone().unwrap_or_default()).await,
    }
}

async fn remove(name: String) -> Exit {
    anstream::println!("Removing the host {name}");
    blocking(move || remove_kept(&name)).await?;
    Ok(ExitCode::SUCCESS)
}

async fn with(playbook: &PlaybookArgs, args: &Args) -> Exit {
    let start = Instant::now();
    let (loaded, proved) = playbook.load(true)?;
    prepare(args.yes)?;
    let mut timings = Timings::default();
    let part = Instant::now();
    anstream::println!("Building what the playbook installs");
    let (suite, mirror) = (args.suite.clone(), args.mirror.clone());
    let image = blocking(move || get_image(suite.as_deref(), mirror.as_deref()));
    // Side by side: a compiler waits for its slowest crate, debootstrap for the network.
    let (desired, image) = tokio::try_join!(desired(&loaded, proved), image)?;
    timings.add("build and image", part);
    let part = Instant::now();
    let mut interrupts = Interrupts::listen()?;
    let host = blocking(move || Rehearsal::boot(&image, &BootOptions::default())).await?;
    timings.add("boot", part);
    anstream::println!("Booted the host {} at {}\n", host.name(), host.address());
    let outcome = tokio::select! {
        outcome = rehearse(&host, &desired, playbook.verbose, &mut timings) => Some(outcome),
        () = interrupts.next() => None,
    };
    // What was interrupted is nothing to look at.
    if args.keep && outcome.is_some() {
        let kept = host.keep().map_err(boxed)?;
        anstream::println!("\nThe host stays. Enter it:  {}", kept.ssh_command);
        anstream::println!("Remove it:  hostwright rehearse --remove {}", kept.name);
    } else {
        let part = Instant::now();
        blocking(move || host.shutdown()).await?;
        timings.add("removal", part);
    }
    outcome.unwrap_or_else(|| Err(boxed(CannotRehearse::Interrupted)))?;
    timings.add("in all", start);
    anstream::println!(
        "\nThe rehearsal of {} went through.\n{}",
        desired.name,
        timings.text()
    );
    Ok(ExitCode::SUCCESS)
}

/// Installs what this machine lacks, after saying so.
fn prepare(yes: bool) -> Result<(), Failure> {
    let missing = missing();
    let (packaged, hopeless): (Vec<Missing>, Vec<Missing>) =
        missing.into_iter().partition(|missing| missing.package.is_some());
    if !hopeless.is_empty() {
        return Err(boxed(CannotRehearse::Here(hopeless)));
    }
    let packages: Vec<&'static str> = packaged.iter().filter_map(|missing| missing.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    anstream::println!(
        "A rehearsal needs packages that this machine lacks: {}",
        packages.join(", ")
    );
    // Without a terminal it counts as yes: a rehearsal changes nothing but this machine and a throwaway host.
    if yes || !is_interactive() || ask("Install them now?") {
        install(&packages).map_err(boxed)
    } else {
        Err(boxed(CannotRehearse::Declined(packages)))
    }
}

fn get_image(suite: Option<&str>, mirror: Option<&str>) -> Result<Image, RehearsalError> {
    let mut base = Base::of_this_machine()?;
    if let Some(suite) = suite {
        base = base.with_suite(suite);
    }
    if let Some(mirror) = mirror {
        base = base.with_mirror(mirror);
    }
    image(&base, &mut |line| anstream::println!("  {line}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RehearsalError> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| boxed(Unexpected(error.to_string())))?
        .map_err(boxed)
}

async fn rehearse(
    host: &Rehearsal,
    desired: &Desired,
    verbose: bool,
    timings: &mut Timings,
) -> Result<(), Failure> {
    let access = Access {
        target: Target {
            user: Some("root".into()),
            host: host.address().to_string(),
            port: None,
        },
        options: Options {
            identity: Some(host.identity().to_path_buf()),
            known_hosts: Some(host.known_hosts().to_path_buf()),
            ..Options::default()
        },
    };
    let part = Instant::now();
    let mut session = Session::open(access.clone()).await.map_err(boxed)?;
    let (facts, plan) = session.plan(desired).await.map_err(boxed)?;
    timings.add("plan", part);
    show(&plan, desired, &session, &facts.system.release, verbose);
    anstream::println!();
    let part = Instant::now();
    run_and_verify(&mut session, desired, &plan, verbose).await?;
    session.close().await;
    timings.add("apply and verify", part);
    // A new connection: what a second `hostwright plan` costs, from nothing.
    let part = Instant::now();
    let session = Session::open(access).await.map_err(boxed)?;
    let (facts, second) = session.plan(desired).await.map_err(boxed)?;
    timings.add("second plan", part);
    anstream::println!("\nThe second plan:");
    if !second.changes.is_empty() {
        show(&second, desired, &session, &facts.system.release, verbose);
        return Err(boxed(CannotRehearse::NotEmpty));
    }
    anstream::println!("{}\n", crate::report::plan::summary(&second));
    let part = Instant::now();
    run_checks(&session, desired).await?;
    timings.add("checks", part);
    session.close().await;
    Ok(())
}
