//! `hostwright drift`: what someone changed on a host since the last apply.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
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
        .shown("drift", async |view| drift(args, view).await)
        .await
}

async fn drift(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let whole = whole(&session, args.playbook.as_deref(), Which::Latest)
        .await
        .map_err(boxed)?;
    let desired = whole.built().map_err(boxed)?.desired;
    let (_, plan) = session.plan(&desired).await.map_err(boxed)?;
    view.event(&Event::Drift {
        plan: &plan,
        secrets: &desired.secrets,
    });
    session.close().await;
    Ok(match plan.changes.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}
