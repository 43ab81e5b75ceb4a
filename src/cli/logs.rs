//! `hostwright logs`: what a host has logged.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, OutputArgs, boxed};
use crate::operations::logs::{Asked, logs};
use crate::operations::session::Session;
use crate::report::View;

/// So many lines of each log are shown where nothing else is asked for.
const LAST: u32 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Programs of supervisor's, sites of nginx's or systemd units; all programs, and the units that were applied, unless
    /// named
    names: Vec<String>,
    /// How many of the last lines of each log; 20 unless given, or all with --since
    #[arg(short = 'n', long, value_name = "NUMBER")]
    lines: Option<u32>,
    /// Only what was logged since then: so long ago (10m, 2h, 1d), or a moment of the host's clock (14:00, "2026-11-28 14:00")
    #[arg(long, value_name = "TIME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    since: Option<String>,
    /// Go on with what is logged from now on, across lost connections
    #[arg(short, long)]
    follow: bool,
    /// Only lines that match, an extended regular expression of grep's
    #[arg(long, value_name = "PATTERN")]
    grep: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("logs", async |view| show(args, view).await)
        .await
}

async fn show(args: &Args, view: &mut View) -> Exit {
    let mut session = Session::open(args.host.access().await?).await.map_err(boxed)?;
    let asked = Asked {
        names: &args.names,
        lines: args.lines.or_else(|| args.since.is_none().then_some(LAST)),
        since: args.since.as_deref(),
        follow: args.follow,
        pattern: args.grep.as_deref(),
    };
    logs(&mut session, &asked, &mut |event| view.event(event))
        .await
        .map_err(boxed)?;
    session.close().await;
    Ok(ExitCode::SUCCESS)
}
