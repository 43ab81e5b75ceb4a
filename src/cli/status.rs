//! `hostwright status`: how a host fares.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::event::Event;
use crate::operations::interrupts::Interrupts;
use crate::operations::session::Session;
use crate::operations::status::ask::{again, status};
use crate::report::View;

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Show it anew every other second, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("status", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let mut told = status(&session).await.map_err(boxed)?;
    if args.watch {
        let mut interrupts = Interrupts::listen().map_err(boxed)?;
        loop {
            view.clear();
            view.event(&Event::Status(&told));
            let next = async {
                sleep(PAUSE).await;
                again(&session, &told).await
            };
            told = tokio::select! {
                next = next => next.map_err(boxed)?,
                () = interrupts.next() => break,
            };
        }
    } else {
        view.event(&Event::Status(&told));
    }
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
