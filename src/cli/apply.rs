//! `hostwright apply`: plan, ask, apply, verify.

use std::process::ExitCode;

use tokio::signal::ctrl_c;

use super::common::{
    HostArgs, PlaybookArgs, ask, boxed, connect, is_interactive, plan_when_free, run_and_verify, run_checks,
    show,
};
use super::{Exit, Failure};
use crate::language::PlaybookError;
use crate::operations::session::Session;
use crate::plan::Plan;

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
    if !args.yes && !is_interactive() {
        return Err(nobody_to_ask());
    }
    let (loaded, proved) = args.playbook.load(false)?;
    let (desired, mut session) = connect(&loaded, proved, &args.host).await?;
    let (facts, mut plan) = plan_when_free(&session, &desired).await?;
    let show = |plan: &Plan, session: &Session| {
        let release = &facts.system.release;
        show(plan, &desired, session, release, args.playbook.verbose);
    };
    show(&plan, &session);
    while !args.yes && !plan.changes.is_empty() {
        if !ask("\nApply these changes?") {
            anstream::println!("Nothing was changed.");
            return Ok(ExitCode::SUCCESS);
        }
        // A person takes time to read, and said yes to this plan alone.
        let (_, now) = plan_when_free(&session, &desired).await?;
        if now == plan {
            break;
        }
        anstream::println!("\n{} has changed meanwhile.", session.name());
        plan = now;
        show(&plan, &session);
    }
    let host = session.name();
    let finish = async {
        if !plan.changes.is_empty() {
            anstream::println!();
            run_and_verify(&mut session, &desired, &plan, args.playbook.verbose).await?;
        }
        run_checks(&session, &desired).await
    };
    tokio::select! {
        finished = finish => finished?,
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
