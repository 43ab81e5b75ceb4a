//! `hostwright apply`: plan, ask, apply, verify.

use std::process::ExitCode;

use tokio::signal::ctrl_c;

use super::common::{HostArgs, PlaybookArgs, boxed};
use super::prompt::{ask, is_interactive};
use super::{Exit, Failure};
use crate::language::PlaybookError;
use crate::operations::apply::{check, plan_when_free, run_and_verify};
use crate::operations::event::Event;
use crate::operations::session::connect;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    #[command(flatten)]
    host: HostArgs,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
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
    if !args.yes && (view.is_for_programs() || !is_interactive()) {
        return Err(nobody_to_ask());
    }
    let proved = args.playbook.prove(false, view)?;
    let (desired, mut session) = connect(proved, args.host.access()?).await.map_err(boxed)?;
    let mut plan = plan_when_free(&session, &desired, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    view.event(&Event::Plan(&plan));
    while !args.yes && !plan.changes.is_empty() {
        if !ask("\nApply these changes?") {
            anstream::println!("Nothing was changed.");
            return Ok(ExitCode::SUCCESS);
        }
        // A person takes time to read, and said yes to this plan alone.
        let now = plan_when_free(&session, &desired, &mut |event| view.event(event))
            .await
            .map_err(boxed)?;
        if now.changes == plan.changes {
            break;
        }
        plan = now;
        view.event(&Event::Replanned(&plan));
    }
    let host = session.name();
    let finish = async {
        let observe = &mut |event: &Event<'_>| view.event(event);
        if !plan.changes.is_empty() {
            run_and_verify(&mut session, &desired, &plan, observe).await?;
        }
        check(&session, &desired, observe).await
    };
    tokio::select! {
        finished = finish => finished.map_err(boxed)?,
        _ = ctrl_c() => return Err(boxed(Interrupted { host })),
    }
    session.close().await;
    Ok(ExitCode::SUCCESS)
}

fn nobody_to_ask() -> Failure {
    boxed(PlaybookError::plain(
        "apply asks before it changes a host, and there is no terminal to ask on",
        "give --yes to apply without asking, or use plan",
    ))
}
