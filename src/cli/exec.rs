//! `hostwright exec`: a command on a host, as root.

use std::process::ExitCode;

use super::Exit;
use super::common::{HostArgs, boxed, shown};
use crate::host::ssh::{Event, Script};
use crate::operations::session::Session;
use crate::report::{View, passed_on};
use crate::shell;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// What to run as root: several words are a command and its arguments, one is a line of sh. It reads no input
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

pub(super) async fn run(args: &Args) -> Exit {
    shown(View::text(false, false), async |_| {
        let session = Session::open(args.host.access().await?).await.map_err(boxed)?;
        let line = match &args.command[..] {
            [line] => line.clone(),
            words => shell::words(words),
        };
        let script = Script::hidden(format!("exec </dev/null sh -c {}\n", shell::quote(&line)));
        let mut exec = session.start(script).await.map_err(boxed)?;
        let mut ended = 0;
        while let Some(event) = exec.next().await.map_err(boxed)? {
            match event {
                Event::Fed(_) => {}
                Event::Stdout(bytes) => passed_on(&mut std::io::stdout(), &bytes),
                Event::Stderr(bytes) => passed_on(&mut std::io::stderr(), &bytes),
                Event::Exit(status) => ended = status,
            }
        }
        session.close().await;
        // sshd knows no greater ones.
        Ok(ExitCode::from(u8::try_from(ended).unwrap_or(u8::MAX)))
    })
    .await
}
