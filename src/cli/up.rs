//! `hostwright up`: from nothing to a running server.

use std::process::ExitCode;

use super::common::{PlaybookArgs, boxed};
use super::machine::{OrderArgs, Usable, accounted, confirmed};
use super::{Exit, Failure};
use crate::desired::Desired;
use crate::operations::apply::{check, plan_when_free, run_and_verify};
use crate::operations::event::Event;
use crate::operations::provision::up;
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    #[command(flatten)]
    order: OrderArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.playbook
        .shown("up", async |view| bring_up(args, view).await)
        .await
}

async fn bring_up(args: &Args, view: &mut View) -> Exit {
    args.order.refuse_unasked("up", view)?;
    let proved = args.playbook.prove(false, view)?;
    let provider = args.order.provider.get()?;
    // What cannot be built needs no machine.
    let desired = proved.build().await.map_err(boxed)?;
    accounted(&args.order.label, &*provider, view, async |ledger, view| {
        let question = format!("Order it, and apply {} to it?", desired.name);
        let Some(usable) = args.order.machine(&*provider, &question, ledger, view).await? else {
            anstream::println!("Nothing was ordered.");
            return Ok(ExitCode::SUCCESS);
        };
        if !apply(args.order.yes, &desired, &usable, view).await? {
            anstream::println!("Nothing was changed.");
            return Ok(ExitCode::SUCCESS);
        }
        let Usable { known, access, .. } = usable;
        view.event(&Event::Up(&up(known, &desired, &access)));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Makes the machine what the playbook says, and asks the checks. False if somebody said no.
async fn apply(yes: bool, desired: &Desired, usable: &Usable, view: &mut View) -> Result<bool, Failure> {
    let observe = &mut |event: &Event<'_>| view.event(event);
    let mut session = Session::open(usable.access.clone()).await.map_err(boxed)?;
    let mut plan = plan_when_free(&session, desired, observe).await.map_err(boxed)?;
    observe(&Event::Plan(&plan));
    // Whoever ordered a machine for the playbook has said yes to it.
    let must_ask = !usable.is_new && !yes;
    while must_ask && !plan.changes.is_empty() {
        if !confirmed("\nApply these changes?").await {
            return Ok(false);
        }
        let now = plan_when_free(&session, desired, observe).await.map_err(boxed)?;
        if now.changes == plan.changes {
            break;
        }
        plan = now;
        observe(&Event::Replanned(&plan));
    }
    if !plan.changes.is_empty() {
        run_and_verify(&mut session, desired, &plan, observe)
            .await
            .map_err(boxed)?;
    }
    check(&session, desired, observe).await.map_err(boxed)?;
    session.close().await;
    Ok(true)
}
