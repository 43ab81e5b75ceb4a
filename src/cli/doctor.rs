//! `hostwright doctor`: what is wrong with a host.

use std::process::ExitCode;

use super::common::{HostArgs, OutputArgs, boxed};
use super::prompt::{confirmed, is_interactive};
use super::{Exit, Failure};
use crate::operations::doctor::Diagnosis;
use crate::operations::doctor::ask::{Examined, examine, look, mend};
use crate::operations::event::Event;
use crate::operations::session::Session;
use crate::report::View;

/// Ends with 0 when nothing is wrong, 2 when something was found (that the host cannot be reached, too), 1 when it could
/// not be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Do what mends it without asking, where that takes nothing away; without a terminal nothing is done unless this is
    /// given
    #[arg(long)]
    mend: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &Args) -> Exit {
    args.output
        .shown("doctor", async |view| doctor(args, view).await)
        .await
}

async fn doctor(args: &Args, view: &mut View) -> Exit {
    let Examined {
        mut diagnosis,
        secrets,
        session,
    } = examine(args.host.access().await?).await.map_err(boxed)?;
    view.event(&Event::Diagnosis {
        diagnosis: &diagnosis,
        secrets: &secrets,
    });
    if let Some(session) = session {
        if mended(args, &session, &diagnosis, view).await? {
            let secrets;
            (diagnosis, secrets) = look(&session).await.map_err(boxed)?;
            view.event(&Event::Diagnosis {
                diagnosis: &diagnosis,
                secrets: &secrets,
            });
        }
        session.close().await;
    }
    Ok(match diagnosis.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

/// Does what may be done, and says whether that was anything.
async fn mended(
    args: &Args,
    session: &Session,
    diagnosis: &Diagnosis,
    view: &mut View,
) -> Result<bool, Failure> {
    let asks = !args.mend && !view.is_for_programs() && is_interactive();
    if !args.mend && !asks {
        return Ok(false);
    }
    let mut done: Vec<&str> = Vec::new();
    for finding in &diagnosis.findings {
        let Some(command) = finding.command.as_deref() else {
            continue;
        };
        if done.contains(&command) || asks && !confirmed(&format!("\nRun `{command}` on the host?")).await {
            continue;
        }
        done.push(command);
        let (status, said) = mend(session, command).await.map_err(boxed)?;
        view.event(&Event::Mended {
            finding,
            status,
            said: &said,
        });
    }
    Ok(!done.is_empty())
}
