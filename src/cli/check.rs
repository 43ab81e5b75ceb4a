//! `hostwright check`: is the playbook whole and right? No host is contacted.

use std::process::ExitCode;

use super::Exit;
use super::common::PlaybookArgs;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    playbook: PlaybookArgs,
    /// Print the playbook as it is read in the end: others included, entries repeated, variables put in, secrets hidden
    #[arg(long)]
    print: bool,
}

pub(super) async fn run(args: &Args) -> Exit {
    let check = async |view: &mut View| {
        let choice = args.playbook.choice(None)?;
        let proved = args.playbook.prove(&choice, false, view)?;
        match args.print {
            true => proved.print(&mut |event| view.event(event)),
            false => proved.tell(&mut |event| view.event(event)),
        }
        Ok(ExitCode::SUCCESS)
    };
    args.playbook.shown("check", check).await
}
