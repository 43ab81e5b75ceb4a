//! `hostwright diff`: how two generations differ.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::event::Event;
use crate::operations::history::{Which, difference, whole};
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// The number of the one
    from: u32,
    /// The number of the other
    to: u32,
    /// The playbook's name, where the host has several
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("diff", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let playbook = args.playbook.as_deref();
    let from = whole(&session, playbook, Which::Number(args.from))
        .await
        .map_err(boxed)?;
    let to = whole(&session, playbook, Which::Number(args.to))
        .await
        .map_err(boxed)?;
    view.event(&Event::Difference {
        playbook: &to.playbook,
        from: from.number,
        to: to.number,
        details: &difference(&from, &to),
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
