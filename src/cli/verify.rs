//! `hostwright verify`: the checks of what was applied last.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::apply::check;
use crate::operations::event::Event;
use crate::operations::history::{Which, whole};
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// The playbook's name, where the host has several
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("verify", async |view| verify(args, view).await)
        .await
}

async fn verify(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let whole = whole(&session, args.playbook.as_deref(), Which::Latest)
        .await
        .map_err(boxed)?;
    let desired = whole.built().map_err(boxed)?.desired;
    view.event(&Event::Verifying {
        playbook: &whole.playbook,
        number: whole.number,
        checks: desired.checks.len(),
        secrets: &desired.secrets,
    });
    check(&session, &desired, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
