//! `hostwright apply`: plan, ask, apply, verify.

use std::process::ExitCode;

use tokio::signal::ctrl_c;

use super::common::{Choice, HostArgs, PlaybookArgs, boxed};
use super::person::person;
use super::prompt::{confirmed, is_interactive};
use super::{Exit, Failure};
use crate::desired::Desired;
use crate::language::PlaybookError;
use crate::operations::apply::{
    ApplyError, go_on_checking, plan_and_check_when_free, plan_when_free, run_and_verify,
};
use crate::operations::checking::Seen;
use crate::operations::event::Event;
use crate::operations::history::go_back;
use crate::operations::playbook::{Built, prove};
use crate::operations::saved::Saved;
use crate::operations::session::{Session, connect};
use crate::plan::Plan;
use crate::report::View;
use crate::transaction::compile::OnFailure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    #[command(flatten)]
    host: HostArgs,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
    /// What becomes of the steps that were done when a step or a check fails
    #[arg(long, value_enum, default_value_t)]
    on_failure: WhenFailed,
}

/// What is done when something fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum WhenFailed {
    /// They stay: the next apply goes on from there
    #[default]
    Stop,
    /// They are undone; when a check fails, the generation before is applied
    Rollback,
}

impl From<WhenFailed> for OnFailure {
    fn from(when: WhenFailed) -> Self {
        match when {
            WhenFailed::Stop => Self::Stop,
            WhenFailed::Rollback => Self::Rollback,
        }
    }
}

/// The person who waits for a run has had enough.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("interrupted; a run that has begun on {host} goes on by itself")]
#[diagnostic(help("apply again: it waits for the run's end and does what is left"))]
struct Interrupted {
    host: String,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.playbook
        .shown("apply", async |view| apply(args, view).await)
        .await
}

async fn apply(args: &Args, view: &mut View) -> Exit {
    let choice = args.playbook.choice(Some(&args.host))?;
    let (path, _) = args.playbook.chosen(&choice, false)?;
    if let Some(saved) = Saved::read(&path).map_err(boxed)? {
        return saved_plan(&saved, &choice, args, view).await;
    }
    if !args.yes {
        somebody_to_ask(view)?;
    }
    let proved = args.playbook.prove(&choice, false, view)?;
    let access = args.host.access_to(&choice).await?;
    let (built, session) = connect(proved, access, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    ask_and_apply(session, built, args.yes, args.on_failure.into(), view).await?;
    Ok(ExitCode::SUCCESS)
}

/// Nobody is asked: the plan has been read.
async fn saved_plan(saved: &Saved, choice: &Choice, args: &Args, view: &mut View) -> Exit {
    let (playbook, mut overrides) = saved.playbook();
    overrides.person = person(false);
    let proved = prove(&playbook, &overrides, &mut |event| view.event(event)).map_err(boxed)?;
    let access = args.host.access_to(choice).await?;
    let (mut built, mut session) = connect(proved, access, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    let (plan, seen) = plan_and_check_when_free(&session, &mut built, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    saved.agrees(&built.desired, &plan).map_err(boxed)?;
    view.event(&Event::Plan(&plan));
    finish(
        &mut session,
        &built.desired,
        (&plan, seen),
        args.on_failure.into(),
        view,
    )
    .await?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Plans, asks unless `yes` was said before, applies, verifies and checks. Nothing where somebody said no.
pub(super) async fn ask_and_apply(
    mut session: Session,
    mut built: Built,
    yes: bool,
    on_failure: OnFailure,
    view: &mut View,
) -> Result<Option<Desired>, Failure> {
    if !yes {
        somebody_to_ask(view)?;
    }
    let (mut plan, seen) = plan_and_check_when_free(&session, &mut built, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    view.event(&Event::Plan(&plan));
    while !yes && !plan.changes.is_empty() {
        if !confirmed("\nApply these changes?").await {
            anstream::println!("Nothing was changed.");
            return Ok(None);
        }
        // A person takes time to read, and said yes to this plan alone.
        let now = plan_when_free(&session, &mut built, &mut |event| view.event(event))
            .await
            .map_err(boxed)?;
        if now.changes == plan.changes {
            break;
        }
        plan = now;
        view.event(&Event::Replanned(&plan));
    }
    finish(&mut session, &built.desired, (&plan, seen), on_failure, view).await?;
    session.close().await;
    Ok(Some(built.desired))
}

/// Makes the changes, verifies and checks. Where there is nothing to do the checks have been seen beside the plan.
async fn finish(
    session: &mut Session,
    desired: &Desired,
    (plan, seen): (&Plan, Seen),
    on_failure: OnFailure,
    view: &mut View,
) -> Result<(), Failure> {
    let host = session.name();
    let finish = async {
        let observe = &mut |event: &Event<'_>| view.event(event);
        if !plan.does_nothing() {
            run_and_verify(session, desired, plan, on_failure, observe)
                .await
                .map_err(boxed)?;
        }
        match go_on_checking(session, desired, seen, observe).await {
            Err(failed @ ApplyError::Checks { .. }) if on_failure == OnFailure::Rollback && plan.records => {
                go_back(session, &desired.name, observe).await.map_err(boxed)?;
                Err(boxed(failed))
            }
            checked => checked.map_err(boxed),
        }?;
        let waiting: Vec<&str> = plan.waiting().map(|remark| remark.id.as_str()).collect();
        match waiting.is_empty() {
            true => Ok(()),
            false => Err(boxed(ApplyError::Waits {
                host: host.clone(),
                waiting: waiting.join(", "),
            })),
        }
    };
    tokio::select! {
        finished = finish => finished,
        _ = ctrl_c() => Err(boxed(Interrupted { host: host.clone() })),
    }
}

fn somebody_to_ask(view: &View) -> Result<(), Failure> {
    if !view.is_for_programs() && is_interactive() {
        return Ok(());
    }
    Err(boxed(PlaybookError::plain(
        "apply asks before it changes a host, and there is no terminal to ask on",
        "give --yes to apply without asking, or use plan",
    )))
}
