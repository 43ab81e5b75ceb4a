//! `hostwright restart`, `stop` and `start`: programs and units of a host.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::language::PlaybookError;
use crate::operations::running;
use crate::operations::running::verb::Verb;
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Programs of supervisor's or systemd units
    names: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args, verb: Verb, command: &'static str) -> Exit {
    args.output
        .shown(command, async |view| tell(args, verb, view).await)
        .await
}

async fn tell(args: &Args, verb: Verb, view: &mut View) -> Exit {
    if args.names.is_empty() {
        return Err(boxed(PlaybookError::plain(
            format!("nothing is named to {}", verb.word()),
            "name programs or units behind the host; `hostwright status` lists those that it has",
        )));
    }
    let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    running::run(&session, verb, &args.names, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
