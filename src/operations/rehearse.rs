//! The main job on a throwaway host of this machine: apply, prove that nothing is left, check, remove.

use std::cell::RefCell;
use std::time::Instant;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{JoinError, spawn_blocking};

use super::apply::{self, ApplyError};
use super::event::{Event, Observe, Part};
use super::interrupts::{CannotListen, Interrupts};
use super::playbook::{BuildError, Proved};
use super::session::Session;
use crate::desired::Desired;
use crate::host::rehearsal::{Base, BootOptions, Image, Rehearsal, RehearsalError, image};
use crate::host::ssh::{Options, SshError};
use crate::host::target::Target;
use crate::layout::{BASE, REHEARSAL};
use crate::transaction::compile::OnFailure;
use crate::transaction::run::Access;

/// Why a rehearsal did not go through.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RehearseError {
    /// The playbook's desired state could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    /// The host could not be had, or removed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// The host did not become as the playbook says.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Apply(#[from] ApplyError),
    /// The second plan, over a new connection, has changes.
    #[error("the second plan is not empty")]
    #[diagnostic(help(
        "an apply that does not converge is a bug in the playbook or in a kind; the plan stands above"
    ))]
    NotEmpty,
    /// This process was asked to end.
    #[error("the rehearsal was interrupted")]
    #[diagnostic(help("the host has been removed"))]
    Interrupted,
    /// It could not be asked to end.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Signals(#[from] CannotListen),
    /// A part of the program ended before its end.
    #[error("a part of the program ended unexpectedly: {0}")]
    #[diagnostic(help("report this as a bug"))]
    Unexpected(#[from] JoinError),
}

impl From<SshError> for RehearseError {
    fn from(error: SshError) -> Self {
        Self::Apply(error.into())
    }
}

/// What a rehearsal is done on.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The distribution's release; this machine's own unless given.
    pub suite: Option<String>,
    /// The mirror to take packages from; this machine's own unless given.
    pub mirror: Option<String>,
    /// Whether the host stays.
    pub keep: bool,
}

/// How long each part took.
#[derive(Debug, Default)]
struct Timings(Vec<Part>);

impl Timings {
    fn add(&mut self, name: &'static str, since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        self.0.push(Part { name, seconds });
    }
}

/// Rehearses a playbook.
///
/// # Errors
/// Why it did not go through; the host has been removed then, unless it was to be kept.
pub async fn rehearse(
    proved: Proved,
    choice: &Choice,
    start: Instant,
    observe: &mut Observe<'_>,
) -> Result<(), RehearseError> {
    let mut timings = Timings::default();
    let part = Instant::now();
    observe(&Event::Doing {
        what: "Building what the playbook installs",
    });
    // Side by side: a compiler waits for its slowest crate, debootstrap for the network.
    let (built, image) = {
        let observe = RefCell::new(&mut *observe);
        let tell = |event: &Event<'_>| (observe.borrow_mut())(event);
        let (mut building, mut making) = (tell, tell);
        let build = async { Ok::<_, RehearseError>(proved.build(&mut building).await?) };
        tokio::try_join!(build, get_image(choice, &mut making))?
    };
    timings.add("build and image", part);
    let part = Instant::now();
    let mut interrupts = Interrupts::listen()?;
    let host = blocking(move || Rehearsal::boot(&image, &BootOptions::default())).await?;
    timings.add("boot", part);
    observe(&Event::Booted {
        host: host.name(),
        address: host.address().to_string(),
    });
    let outcome = tokio::select! {
        outcome = on(&host, &built.desired, &mut timings, observe) => Some(outcome),
        () = interrupts.next() => None,
    };
    // What was interrupted is nothing to look at.
    if choice.keep && outcome.is_some() {
        let kept = host.keep()?;
        observe(&Event::Kept {
            host: &kept.name,
            enter: &kept.ssh_command,
        });
    } else {
        let part = Instant::now();
        blocking(move || host.shutdown()).await?;
        timings.add("removal", part);
    }
    outcome.unwrap_or(Err(RehearseError::Interrupted))?;
    timings.add("in all", start);
    observe(&Event::Rehearsed {
        playbook: &built.desired.name,
        parts: &timings.0,
    });
    Ok(())
}

async fn on(
    host: &Rehearsal,
    desired: &Desired,
    timings: &mut Timings,
    observe: &mut Observe<'_>,
) -> Result<(), RehearseError> {
    let access = access(host);
    let part = Instant::now();
    let mut session = Session::open(access.clone()).await?;
    mark(&session).await?;
    let (_, plan) = session.plan(desired).await.map_err(ApplyError::from)?;
    timings.add("plan", part);
    observe(&Event::Plan(&plan));
    let part = Instant::now();
    apply::run_and_verify(&mut session, desired, &plan, OnFailure::Stop, observe).await?;
    session.close().await;
    timings.add("apply and verify", part);
    // A new connection: what a second `hostwright plan` costs, from nothing.
    let part = Instant::now();
    let session = Session::open(access).await?;
    let (_, second) = session.plan(desired).await.map_err(ApplyError::from)?;
    timings.add("second plan", part);
    observe(&Event::SecondPlan(&second));
    if !second.changes.is_empty() {
        return Err(RehearseError::NotEmpty);
    }
    let part = Instant::now();
    apply::check(&session, desired, observe).await?;
    timings.add("checks", part);
    session.close().await;
    Ok(())
}

/// How a throwaway host is reached.
pub(super) fn access(host: &Rehearsal) -> Access {
    Access {
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
    }
}

/// Lets a host know that it is a rehearsal.
pub(super) async fn mark(session: &Session) -> Result<(), SshError> {
    let script = format!("mkdir -p {BASE} && chmod 0700 {BASE} && : >{REHEARSAL}\n");
    session.ask(script).await.map(drop)
}

pub(super) async fn get_image(choice: &Choice, observe: &mut Observe<'_>) -> Result<Image, RehearseError> {
    let (tell, mut told) = unbounded_channel::<String>();
    let Choice { suite, mirror, .. } = choice.clone();
    let work = spawn_blocking(move || {
        let mut base = Base::of_this_machine()?;
        if let Some(suite) = suite {
            base = base.with_suite(&suite);
        }
        if let Some(mirror) = mirror {
            base = base.with_mirror(&mirror);
        }
        // Whoever has left needs no more lines.
        image(&base, &mut |line| drop(tell.send(line.to_owned())))
    });
    while let Some(line) = told.recv().await {
        observe(&Event::Doing { what: &line });
    }
    Ok(work.await??)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RehearsalError> + Send + 'static,
) -> Result<T, RehearseError> {
    Ok(spawn_blocking(work).await??)
}
