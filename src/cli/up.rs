//! `hostwright up`: from nothing to a running server.

use std::process::ExitCode;

use super::Exit;
use super::apply::ask_and_apply;
use super::common::{PlaybookArgs, boxed};
use super::machine::{OrderArgs, Usable, accounted};
use crate::operations::event::Event;
use crate::operations::provision::up;
use crate::operations::session::Session;
use crate::report::View;
use crate::transaction::compile::OnFailure;

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
    let proved = args.playbook.prove(&args.playbook.choice(None)?, false, view)?;
    let provider = args.order.provider.get()?;
    // What cannot be built needs no machine.
    let built = proved
        .build(&mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    accounted(&args.order.label, &*provider, view, async |ledger, view| {
        let question = format!("Order it, and apply {} to it?", built.desired.name);
        let Some(usable) = args.order.machine(&*provider, &question, ledger, view).await? else {
            anstream::println!("Nothing was ordered.");
            return Ok(ExitCode::SUCCESS);
        };
        let session = Session::open(usable.access.clone()).await.map_err(boxed)?;
        // Whoever ordered a machine for the playbook has said yes to it.
        let yes = usable.is_new || args.order.yes;
        let Some(desired) = ask_and_apply(session, built, yes, OnFailure::Stop, view).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let Usable { known, access, .. } = usable;
        view.event(&Event::Up(&up(known, &desired, &access)));
        Ok(ExitCode::SUCCESS)
    })
    .await
}
