//! `hostwright status`: how a host fares.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::event::Event;
use crate::operations::session::Session;
use crate::operations::status::ask::status;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
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
    let status = status(&session).await.map_err(boxed)?;
    view.event(&Event::Status(&status));
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
