//! `hostwright ssh`: the system's ssh, told what is known of a host.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use super::Exit;
use super::common::{HostArgs, boxed, shown};
use crate::host::ssh::ssh;
use crate::operations::session::Session;
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Run this there in place of a login shell, as ssh does
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// The system's ssh could not be started.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("ssh could not be started: {0}")]
#[diagnostic(help("install OpenSSH's client (`apt install openssh-client`); `hostwright exec` needs none"))]
struct NoSsh(std::io::Error);

pub(super) async fn run(args: &Args) -> Exit {
    shown(View::text(false, false), async |_| {
        let access = args.host.access().await?;
        // ssh knows neither; it then finds the key that was proved here, and a host that is up.
        if access.options.fingerprint.is_some() || access.options.wait > Duration::ZERO {
            Session::open(access.clone()).await.map_err(boxed)?.close().await;
        }
        let error = ssh(&access.target, &access.options, &args.command).exec();
        Err(boxed(NoSsh(error)))
    })
    .await
}
