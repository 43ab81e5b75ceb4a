//! Plans are applied: once no other run is going on, proved by a second plan, and checked.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::before;
use super::checking::{self, Seen};
use super::event::{Event, Observe};
use super::generation::records;
use super::playbook::Built;
use super::session::{Session, SessionError};
use crate::change::counted;
use crate::desired::Desired;
use crate::facts::Facts;
use crate::host::ssh::SshError;
use crate::plan::Plan;
use crate::transaction::compile::OnFailure;
use crate::transaction::event::Event as RunEvent;
use crate::transaction::run::{Job, Outcome, RunError};

/// An apply that did not reach its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ApplyError {
    /// The host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Session(#[from] SessionError),
    /// It is not known how the run ended.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] RunError),
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// A step failed; it has been told already.
    #[error("{host} is not as the playbook says: step {step} failed")]
    #[diagnostic(help("what it said, and what to do, stands above"))]
    Step {
        /// The host.
        host: String,
        /// The id of the step's resource.
        step: String,
    },
    /// After all steps something is left to change.
    #[error("{host} still differs after the run: {left}")]
    #[diagnostic(help(
        "something on the host undoes these changes, or a command does not do what its `unless` asks for"
    ))]
    Left {
        /// The host.
        host: String,
        /// The ids of what is left.
        left: String,
    },
    /// Something is left undone for now.
    #[error("{host} is not yet as the playbook says: {waiting}")]
    #[diagnostic(help("why, and from when on it is done, stands above; all else is as the playbook says"))]
    Waits {
        /// The host.
        host: String,
        /// The ids of what waits.
        waiting: String,
    },
    /// What must be so before is not.
    #[error("{count} of {} before the apply failed on {host}", counted(*.total, "check"))]
    #[diagnostic(help("nothing was changed; mend that and apply again"))]
    Before {
        /// The host.
        host: String,
        /// How many failed.
        count: usize,
        /// Of how many.
        total: usize,
    },
    /// A check did not come right.
    #[error("{count} of {} failed on {host}", counted(*.total, "check"))]
    #[diagnostic(help("the host is as the playbook says; what it runs does not answer as it should"))]
    Checks {
        /// The host.
        host: String,
        /// How many failed.
        count: usize,
        /// Of how many.
        total: usize,
    },
}

/// How long a run that is going on is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

/// Plans once no other run is going on on the host.
///
/// # Errors
/// When the host does not answer as it should, or no plan can be made.
pub async fn plan_when_free(
    session: &Session,
    built: &mut Built,
    observe: &mut Observe<'_>,
) -> Result<Plan, ApplyError> {
    let start = Instant::now();
    let mut told = false;
    loop {
        let (facts, plan) = session.plan_and_prune(built).await?;
        let doing = serde_json::from_str(&facts.system.doing).ok();
        let Some(run) = facts.system.busy.filter(|_| start.elapsed() < PATIENCE) else {
            return Ok(plan);
        };
        if !told {
            observe(&Event::Waiting {
                host: &session.name(),
                run: &run,
                doing: doing.as_ref(),
            });
            told = true;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// The same, and how the checks have answered at the same time where there is nothing to do.
///
/// # Errors
/// When the host does not answer as it should, or no plan can be made.
pub async fn plan_and_check_when_free(
    session: &Session,
    built: &mut Built,
    observe: &mut Observe<'_>,
) -> Result<(Plan, Seen), ApplyError> {
    let (facts, plan, seen) = checking::plan_and_check(session, built).await?;
    match facts.system.busy {
        None => Ok((plan, seen)),
        Some(_) => Ok((plan_when_free(session, built, observe).await?, Seen::new())),
    }
}

/// Runs a plan, records the generation that it makes, and proves by a second one that nothing is left to change.
///
/// # Errors
/// Which step failed, what is left, or that it is not known how the run ended.
pub async fn run_and_verify(
    session: &mut Session,
    desired: &Desired,
    plan: &Plan,
    on_failure: OnFailure,
    observe: &mut Observe<'_>,
) -> Result<(), ApplyError> {
    let changes = plan.changes.as_slice();
    if !changes.is_empty() {
        check_before(session, desired, observe).await?;
    }
    let start = Instant::now();
    if !changes.is_empty() {
        observe(&Event::Applying {
            steps: changes.len(),
            changes,
        });
    }
    let (about, record) = records(desired, plan);
    let job = Job {
        changes,
        record,
        about,
        on_failure,
        secrets: &desired.secrets,
    };
    let mut failed = None;
    let outcome = session
        .run(job, &mut |event| {
            if let RunEvent::StepFailed { step, .. } = event {
                failed = Some(*step);
            }
            observe(&Event::Run(event));
        })
        .await;
    if outcome? == Outcome::Failed {
        let change = failed.and_then(|step| changes.get(step));
        return Err(ApplyError::Step {
            host: session.name(),
            step: change.map_or(String::new(), |change| change.id.to_string()),
        });
    }
    let (facts, left) = session.plan(desired).await?;
    if !left.changes.is_empty() {
        observe(&Event::Left(&left));
        let mut ids: Vec<&str> = left.changes.iter().map(|change| change.id.as_str()).collect();
        ids.dedup();
        return Err(ApplyError::Left {
            host: session.name(),
            left: ids.join(", "),
        });
    }
    observe(&Event::Applied {
        changes: changes.len(),
        generation: left.generation,
        back: back(session, desired, plan, &facts).as_deref(),
        seconds: start.elapsed().as_secs_f64(),
    });
    Ok(())
}

async fn check_before(
    session: &Session,
    desired: &Desired,
    observe: &mut Observe<'_>,
) -> Result<(), ApplyError> {
    if desired.before.is_empty() {
        return Ok(());
    }
    let outcomes = before::ask(session, desired).await?;
    for outcome in &outcomes {
        observe(&Event::Before(outcome));
    }
    match outcomes.iter().filter(|outcome| outcome.wrong.is_some()).count() {
        0 => Ok(()),
        count => Err(ApplyError::Before {
            host: session.name(),
            count,
            total: outcomes.len(),
        }),
    }
}

/// The command that goes back to the generation before the one that a plan has made, if that is kept.
fn back(session: &Session, desired: &Desired, plan: &Plan, facts: &Facts) -> Option<String> {
    let before = plan.generation.filter(|_| plan.records && desired.keep > 1)?;
    let which = match facts.generations().len() {
        0 | 1 => String::new(),
        _ => format!(" --playbook {}", plan.playbook),
    };
    Some(format!(
        "hostwright rollback {}{which} --to {before}",
        session.target()
    ))
}

/// Asks the playbook's checks and tells how each ended.
///
/// # Errors
/// When one failed, or the host itself does not answer.
pub async fn check(
    session: &Session,
    desired: &Desired,
    observe: &mut Observe<'_>,
) -> Result<(), ApplyError> {
    go_on_checking(session, desired, Seen::new(), observe).await
}

/// The same, but for what has been `seen` to be right.
///
/// # Errors
/// When one failed, or the host itself does not answer.
pub async fn go_on_checking(
    session: &Session,
    desired: &Desired,
    seen: Seen,
    observe: &mut Observe<'_>,
) -> Result<(), ApplyError> {
    if desired.checks.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let outcomes = checking::check(session, desired, seen).await?;
    for outcome in &outcomes {
        observe(&Event::Check(outcome));
    }
    let failed = outcomes.iter().filter(|outcome| outcome.wrong.is_some()).count();
    if failed > 0 {
        return Err(ApplyError::Checks {
            host: session.name(),
            count: failed,
            total: outcomes.len(),
        });
    }
    observe(&Event::Checked {
        checks: outcomes.len(),
        seconds: start.elapsed().as_secs_f64(),
    });
    Ok(())
}
