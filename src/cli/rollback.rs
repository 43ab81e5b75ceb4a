//! `hostwright rollback`: an earlier generation, applied again.

use std::process::ExitCode;

use super::Exit;
use super::apply::ask_and_apply;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::event::Event;
use crate::operations::history::{Which, whole};
use crate::operations::session::Session;
use crate::report::View;
use crate::transaction::compile::OnFailure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// The generation's number; that of the one before the newest unless given
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// The playbook's name, where the host has several
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    /// Go back without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("rollback", async |view| rollback(args, view).await)
        .await
}

async fn rollback(args: &Args, view: &mut View) -> Exit {
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let which = args.to.map_or(Which::Before, Which::Number);
    let whole = whole(&session, args.playbook.as_deref(), which)
        .await
        .map_err(boxed)?;
    let built = whole.built().map_err(boxed)?;
    view.event(&Event::Back {
        playbook: &whole.playbook,
        number: whole.number,
        generation: &whole.generation,
        secrets: &built.desired.secrets,
    });
    ask_and_apply(session, built, args.yes, OnFailure::Stop, view).await?;
    Ok(ExitCode::SUCCESS)
}
