//! `hostwright show`: a playbook as it was applied.

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
    /// The generation's number; the newest one's unless given
    number: Option<u32>,
    /// The playbook's name, where the host has several
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("show", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let which = args.number.map_or(Which::Latest, Which::Number);
    let whole = whole(&session, args.playbook.as_deref(), which)
        .await
        .map_err(boxed)?;
    view.event(&Event::Generation {
        playbook: &whole.playbook,
        number: whole.number,
        generation: &whole.generation,
        vars: &whole.bundle.vars,
        text: &whole.bundle.text,
    });
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
