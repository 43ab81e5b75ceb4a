//! What a host says may be open, knocked at from here.

use std::collections::BTreeSet;

use super::session::Session;
use crate::checks::answer::Outcome;
use crate::checks::exposed::{Doors, QUESTION};
use crate::checks::knock::knock;
use crate::desired::check::{Check, Probe};
use crate::host::ssh::{Script, SshError};

/// Asks the checks of `which` that are about what is open.
///
/// # Errors
/// When the host does not answer.
pub(super) async fn ask(
    session: &Session,
    checks: &[Check],
    which: &[usize],
) -> Result<Vec<Outcome>, SshError> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let said = session.printed(Script::open(QUESTION.to_owned())).await?;
    let doors = Doors::read(&String::from_utf8_lossy(&said));
    let mut outcomes = Vec::new();
    for check in which.iter().map(|index| &checks[*index]) {
        let wanted: &BTreeSet<u16> = match &check.probe {
            Probe::Exposed(ports) => ports,
            _ => continue,
        };
        let reached = session
            .address()
            .map(|address| (address, session.reached().port()));
        let (wrong, note) = match reached {
            Some((address, port)) => {
                let knocked = knock(doors.knocks(address, port, wanted)).await;
                let no_way = doors.unreached(&knocked);
                let note = no_way.map(|address| {
                    format!("this machine has no way to {address}: what is open there is not known")
                });
                (doors.judge(wanted, &knocked), note)
            }
            None => {
                let way = session.reached();
                (
                    Some(format!(
                        "this machine knows no address of the host ({way}) to knock at"
                    )),
                    None,
                )
            }
        };
        outcomes.push(Outcome {
            name: check.name.clone(),
            wrong,
            note,
        });
    }
    Ok(outcomes)
}
