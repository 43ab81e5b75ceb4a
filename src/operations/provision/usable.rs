//! Waiting for a machine, first at its provider, then at its SSH, then on itself.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::ProvisionError;
use super::event::{Event, Observe};
use super::find::access;
use crate::host::provider::{Machine, Provider, Record, State};
use crate::host::ssh::{Connection, Event as Said, Options, Script, SshError};
use crate::transaction::run::Access;

/// Between two questions about a machine that is being made.
const POLL: Duration = Duration::from_secs(3);
/// How long a provider may take to hand a machine out.
const HANDOUT: Duration = Duration::from_secs(30 * 60);
/// How long its SSH may take to answer then, and to let us in.
const BOOT: Duration = Duration::from_secs(15 * 60);
/// How long it may show another host key, or not let us in: cloud-init sees to both before it lets sshd start, unless
/// an image does that otherwise.
const SETUP: Duration = Duration::from_secs(60);
/// How long it may be busy with itself then, which `ready.sh` counts.
const FIRST_BOOT: Duration = Duration::from_secs(30 * 60);

/// Waits until a machine can be used, if that is not known yet: it has an address, its SSH shows the host key that it
/// was given and lets us in, cloud-init has ended, dpkg is free.
///
/// # Errors
/// When that does not come true in time.
pub async fn usable(
    provider: &dyn Provider,
    machine: Machine,
    record: &Record,
    options: Options,
    observe: &mut Observe<'_>,
) -> Result<Access, ProvisionError> {
    let is_new = record.is_of(&machine) && record.open_order().is_some();
    let machine = running(provider, machine, observe).await?;
    let access = access(provider, &machine, None, options)?;
    if !is_new {
        return Ok(access);
    }
    let (label, start) = (&machine.label, Instant::now());
    let connection = let_in(&access, label, observe).await?;
    observe(&reached(
        format!("{label} shows the host key that it was given, and lets us in"),
        start,
    ));
    let start = Instant::now();
    ready(connection, &access, label, observe).await?;
    observe(&reached(format!("{label} has ended its first boot"), start));
    if let Err(error) = provider.forget_user_data(&machine).await {
        observe(&Event::Odd {
            what: format!(
                "the user data, which every program on {label} can read, still holds its host key: {error}"
            ),
        });
    }
    record.finish()?;
    Ok(access)
}

async fn running(
    provider: &dyn Provider,
    mut machine: Machine,
    observe: &mut Observe<'_>,
) -> Result<Machine, ProvisionError> {
    let title = provider.title();
    let start = Instant::now();
    let mut told = false;
    loop {
        let (label, id) = (machine.label.clone(), machine.id.clone());
        match (&machine.state, machine.address) {
            (State::Running, Some(address)) => {
                if told {
                    observe(&Event::Machine(machine.clone()));
                    observe(&reached(format!("{label} has the address {address}"), start));
                }
                return Ok(machine);
            }
            (State::Stopped(state), _) => {
                let state = state.clone();
                return Err(ProvisionError::Stopped { title, label, state });
            }
            _ if start.elapsed() > HANDOUT => {
                let (minutes, cause) = (HANDOUT.as_secs() / 60, format!("{title} still makes it"));
                return Err(ProvisionError::Slow {
                    label,
                    minutes,
                    cause,
                });
            }
            _ => {}
        }
        if !told {
            observe(&Event::Awaits {
                what: format!("{title} to hand {label} out"),
            });
            told = true;
        }
        sleep(POLL).await;
        let Some(now) = provider.machine(&id).await? else {
            observe(&Event::Gone);
            return Err(ProvisionError::Gone { title, label, id });
        };
        machine = now;
    }
}

/// Connects, however often it takes. Only what a machine that boots may say is waited out.
async fn let_in(
    access: &Access,
    label: &str,
    observe: &mut Observe<'_>,
) -> Result<Connection, ProvisionError> {
    let (start, mut said) = (Instant::now(), String::new());
    // Since when somebody has answered who is not, or not yet, as cloud-init was told to make him.
    let mut odd: Option<Instant> = None;
    let connected = Connection::open_while(&access.target, &access.options, |error| {
        let waits = if is_odd(error) {
            odd.get_or_insert_with(Instant::now).elapsed() <= SETUP
        } else {
            odd = None;
            error.is_of_booting() && start.elapsed() <= BOOT
        };
        let now = error.to_string();
        if waits && said != now {
            observe(&Event::Awaits {
                what: format!("SSH: {now}"),
            });
            said = now;
        }
        waits
    });
    connected
        .await
        .map_err(|error| match (&error, access.target.host.parse()) {
            (SshError::ChangedKey(_), Ok(address)) => ProvisionError::AnotherKey {
                label: label.to_owned(),
                address,
                cause: error.to_string(),
            },
            _ if error.is_of_booting() => slow(label, BOOT, error.to_string()),
            _ => error.into(),
        })
}

/// Somebody answers who is not as cloud-init was told to make him.
fn is_odd(error: &SshError) -> bool {
    matches!(error, SshError::ChangedKey(_) | SshError::Auth { .. })
}

/// Waits on the machine itself, across its reboots.
async fn ready(
    mut connection: Connection,
    access: &Access,
    label: &str,
    observe: &mut Observe<'_>,
) -> Result<(), ProvisionError> {
    let mut awaited = String::new();
    loop {
        match ask(&connection, &mut awaited, observe).await {
            Ok(0) => {
                connection.close().await;
                return Ok(());
            }
            Ok(_) => {
                return Err(slow(label, FIRST_BOOT, format!("it waits for {awaited}")));
            }
            Err(SshError::Lost { .. }) => connection = let_in(access, label, observe).await?,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn ask(
    connection: &Connection,
    awaited: &mut String,
    observe: &mut Observe<'_>,
) -> Result<i32, SshError> {
    let mut exec = connection.exec(Script::open(include_str!("ready.sh"))).await?;
    let mut text = String::new();
    while let Some(event) = exec.next().await? {
        match event {
            Said::Stdout(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Said::Exit(status) => return Ok(status),
            Said::Stderr(_) | Said::Fed(_) => {}
        }
        while let Some((line, rest)) = text.split_once('\n') {
            match line.split_once(' ') {
                Some(("wait", what)) => {
                    what.clone_into(awaited);
                    observe(&Event::Awaits {
                        what: what.to_owned(),
                    });
                }
                Some(("note", what)) => observe(&Event::Odd {
                    what: what.to_owned(),
                }),
                _ => {}
            }
            text = rest.to_owned();
        }
    }
    Ok(0)
}

fn slow(label: &str, limit: Duration, cause: String) -> ProvisionError {
    ProvisionError::Slow {
        label: label.to_owned(),
        minutes: limit.as_secs() / 60,
        cause,
    }
}

fn reached(what: String, since: Instant) -> Event {
    let seconds = since.elapsed().as_secs_f64();
    Event::Reached { what, seconds }
}
