//! A playbook's checks: beside the probe where they may be asked there, and again until they are right.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::exposure;
use super::playbook::Built;
use super::session::{Probed, Session, SessionError};
use crate::checks::answer::Outcome;
use crate::checks::{here, on_host};
use crate::desired::Desired;
use crate::desired::check::{Check, From, Probe};
use crate::facts::{Facts, script_beside, where_applied};
use crate::host::ssh::{Script, SshError};
use crate::plan::Plan;

/// How checks have answered, in their order. Nothing is known of those that were not asked; none where no check was.
pub type Seen = Vec<Option<Outcome>>;

/// Reads the host and makes the plan, in which what is gone from the playbook goes from the host. The checks are asked
/// at the same time, and how they answered is known where there is nothing to do.
///
/// On the host they are asked where it has what the playbook means: it has been applied, and so they have been asked
/// before. From here only those are that change nothing (RFC 9110, section 9.2.1).
///
/// # Errors
/// When the host does not answer as it should, or no plan can be made.
pub async fn plan_and_check(
    session: &Session,
    built: &mut Built,
) -> Result<(Facts, Plan, Seen), SessionError> {
    let checks = built.desired.checks.clone();
    let (there, here) = apart(&checks, 0..checks.len());
    let safe = here.into_iter().filter(|index| is_safe(&checks[*index]));
    let asking = ask_from_here(session, &checks, safe);
    let asked: Vec<&Check> = there.iter().map(|index| &checks[*index]).collect();
    let Probed {
        facts,
        mut said,
        goes_on,
    } = probe(session, &built.desired, &asked).await?;
    let plan = match built.prune(&facts)? {
        // More must be known for that.
        true => session.plan(&built.desired).await?.1,
        false => session.plan_from(&built.desired, &facts)?,
    };
    if !plan.does_nothing() {
        return Ok((facts, plan, Seen::new()));
    }
    let (on_it, from_here) = tokio::join!(goes_on.output(), asking.join_all());
    said.extend(on_it?.stdout);
    let mut seen: Seen = vec![None; checks.len()];
    let outcomes = there.iter().copied().zip(on_host::judge(&asked, &said));
    for (index, outcome) in outcomes.chain(from_here) {
        seen[index] = Some(outcome);
    }
    Ok((facts, plan, seen))
}

async fn probe(session: &Session, desired: &Desired, asked: &[&Check]) -> Result<Probed, SessionError> {
    let questions = desired.questions();
    let beside = match &desired.meaning {
        Some(meaning) if !asked.is_empty() => {
            where_applied(&desired.name, &meaning.digest, &on_host::asks(asked))
        }
        _ => ":".to_owned(),
    };
    let script = sent(desired, asked, script_beside(&questions, &beside));
    session.probe(&questions, script).await
}

/// Asks every check until it is right or its time is up, those first that have not been `seen` to be right. The order
/// is that of the checks.
///
/// # Errors
/// When the host itself does not answer.
pub async fn check(session: &Session, desired: &Desired, mut seen: Seen) -> Result<Vec<Outcome>, SshError> {
    let checks = &desired.checks;
    let start = Instant::now();
    seen.resize(checks.len(), None);
    let mut pause = Duration::from_millis(100);
    loop {
        let is_open = |index: &usize| match &seen[*index] {
            None => true,
            Some(outcome) => {
                let within = Duration::from_secs(checks[*index].within.into());
                outcome.wrong.is_some() && start.elapsed() < within
            }
        };
        let again: Vec<usize> = (0..checks.len()).filter(is_open).collect();
        if again.is_empty() {
            return Ok(seen.into_iter().flatten().collect());
        }
        if again.iter().all(|index| seen[*index].is_some()) {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        let (on_it, from_here) = apart(checks, again);
        let is_knock = |index: &usize| matches!(checks[*index].probe, Probe::Exposed(_));
        let (doors, from_here): (Vec<usize>, Vec<usize>) = from_here.into_iter().partition(is_knock);
        let asking = ask_from_here(session, checks, from_here);
        let (there, open, here) = tokio::join!(
            ask_on_host(session, desired, &on_it),
            exposure::ask(session, checks, &doors),
            asking.join_all()
        );
        let there = on_it.into_iter().zip(there?);
        for (index, outcome) in there.chain(doors.into_iter().zip(open?)).chain(here) {
            seen[index] = Some(outcome);
        }
    }
}

/// Those that are asked on the host, and those from here.
fn apart(checks: &[Check], which: impl IntoIterator<Item = usize>) -> (Vec<usize>, Vec<usize>) {
    which
        .into_iter()
        .partition(|index| checks[*index].from == From::Host)
}

fn is_safe(check: &Check) -> bool {
    !matches!(
        &check.probe,
        Probe::Http { post: Some(_), .. } | Probe::Exposed(_)
    )
}

async fn ask_on_host(
    session: &Session,
    desired: &Desired,
    which: &[usize],
) -> Result<Vec<Outcome>, SshError> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<&Check> = which.iter().map(|index| &desired.checks[*index]).collect();
    let script = sent(desired, &asked, on_host::script(&asked));
    Ok(on_host::judge(&asked, &session.printed(script).await?))
}

/// A script that asks them, hidden where one holds a secret.
pub(super) fn sent(desired: &Desired, asked: &[&Check], script: String) -> Script {
    let mut texts = asked.iter().flat_map(|check| check.texts());
    match texts.any(|text| desired.secrets.taint(text.as_bytes())) {
        true => Script::hidden(script),
        false => Script::open(script),
    }
}

fn ask_from_here(
    session: &Session,
    checks: &[Check],
    which: impl IntoIterator<Item = usize>,
) -> JoinSet<(usize, Outcome)> {
    let mut asking = JoinSet::new();
    for index in which {
        let (check, host) = (checks[index].clone(), session.address());
        let way = session.reached().to_string();
        asking.spawn(async move {
            let outcome = match host {
                Some(host) => here::ask(&check, host).await,
                None => Outcome {
                    name: check.name,
                    wrong: Some(format!(
                        "this machine knows no address of the host ({way}): ask it `from: host`"
                    )),
                    note: None,
                },
            };
            (index, outcome)
        });
    }
    asking
}
