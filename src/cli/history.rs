//! `hostwright history`: what a host remembers of applies.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::event::Event;
use crate::operations::history::{history, journal};
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Show what this run said
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("history", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    if let Some(run) = &args.run {
        let text = journal(&session, run).await.map_err(boxed)?;
        view.event(&Event::Journal { run, text: &text });
        session.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let history = history(&session).await.map_err(boxed)?;
    view.event(&Event::History {
        host: &session.name(),
        history: &history,
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
