//! What must be so before anything is changed: asked on the host when a plan is about to be run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::checking::sent;
use super::session::Session;
use crate::checks::answer::Outcome;
use crate::checks::on_host;
use crate::desired::Desired;
use crate::desired::check::Check;
use crate::host::ssh::SshError;

/// Between two times that it is asked.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks what must be so until it is, or the longest time that a check gives is up. The order is that of the checks.
///
/// # Errors
/// When the host itself does not answer.
pub(super) async fn ask(session: &Session, desired: &Desired) -> Result<Vec<Outcome>, SshError> {
    let asked: Vec<&Check> = desired.before.iter().collect();
    let longest = asked.iter().map(|check| check.within).max().unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(longest.into());
    loop {
        let script = sent(desired, &asked, on_host::script(&asked));
        let outcomes = on_host::judge(&asked, &session.printed(script).await?);
        if outcomes.iter().all(|outcome| outcome.wrong.is_none()) || Instant::now() >= deadline {
            return Ok(outcomes);
        }
        sleep(PAUSE).await;
    }
}
