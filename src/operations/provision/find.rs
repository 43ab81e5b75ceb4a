//! Machines by their labels, and the way to them.

use super::error::ProvisionError;
use super::event::{Known, Priced};
use crate::host::provider::{Machine, Provider, ProviderError, Record, State, Which, nearest};
use crate::host::ssh::{Options, fingerprint};
use crate::host::target::Target;
use crate::transaction::run::Access;

/// The machine with that label, if there is one.
///
/// # Errors
/// When there are several.
pub async fn find(provider: &dyn Provider, label: &str) -> Result<Option<Machine>, ProviderError> {
    one(provider, label, provider.machines(Which::Label(label)).await?)
}

/// The machine with that label or id.
///
/// # Errors
/// When there is none, with the nearest label, or several.
pub async fn named(provider: &dyn Provider, name: &str) -> Result<Machine, ProviderError> {
    let machines = provider.machines(Which::All).await?;
    let labels: Vec<&str> = machines.iter().map(|machine| machine.label.as_str()).collect();
    let unknown = ProviderError::NoMachine {
        provider: provider.title(),
        label: name.to_owned(),
        near: nearest(name, labels),
    };
    let (by_id, others): (Vec<Machine>, Vec<Machine>) =
        machines.into_iter().partition(|machine| machine.id == name);
    if let Some(machine) = by_id.into_iter().next() {
        return Ok(machine);
    }
    let found = others
        .into_iter()
        .filter(|machine| machine.label == name)
        .collect();
    one(provider, name, found)?.ok_or(unknown)
}

pub(super) fn one(
    provider: &dyn Provider,
    label: &str,
    mut found: Vec<Machine>,
) -> Result<Option<Machine>, ProviderError> {
    if found.len() > 1 {
        return Err(ProviderError::Several {
            provider: provider.title(),
            label: label.to_owned(),
            ids: found.into_iter().map(|machine| machine.id).collect(),
        });
    }
    Ok(found.pop())
}

/// How to reach a machine: by the host key that it was given, where that is known here.
///
/// # Errors
/// When it has no address, or what is known here cannot be written.
pub fn access(
    provider: &dyn Provider,
    machine: &Machine,
    user: Option<String>,
    options: Options,
) -> Result<Access, ProvisionError> {
    let label = machine.label.clone();
    if let State::Stopped(state) = &machine.state {
        let (title, state) = (provider.title(), state.clone());
        return Err(ProvisionError::Stopped { title, label, state });
    }
    let address = machine.address.ok_or(ProvisionError::NoAddress { label })?;
    let record = Record::of(provider.name(), &machine.label).filter(|record| record.is_of(machine));
    // The key that the machine was given is surer than any file.
    let given = match record {
        Some(record) => record.known_hosts(address)?,
        None => None,
    };
    let known_hosts = given.or_else(|| options.known_hosts.clone());
    Ok(Access {
        target: Target {
            user: Some(user.unwrap_or_else(|| "root".into())),
            host: address.to_string(),
            port: None,
        },
        options: Options {
            known_hosts,
            ..options
        },
    })
}

/// Refuses a machine that is not what is asked for.
///
/// # Errors
/// When hostwright did not make it, or it is of another plan or in another region.
pub fn refuse_another(
    provider: &dyn Provider,
    machine: &Machine,
    region: &str,
    plan: &str,
) -> Result<(), ProvisionError> {
    let label = machine.label.clone();
    if !machine.is_ours() {
        let (title, provider, id) = (provider.title(), provider.name(), machine.id.clone());
        return Err(ProvisionError::Foreign {
            title,
            provider,
            label,
            id,
        });
    }
    for (what, is, wanted) in [("plan", &machine.plan, plan), ("region", &machine.region, region)] {
        if is != wanted {
            let (is, wanted) = (is.clone(), wanted.to_owned());
            return Err(ProvisionError::Differs {
                label,
                what,
                is,
                wanted,
            });
        }
    }
    Ok(())
}

/// What this machine knows of a machine.
pub fn known(provider: &dyn Provider, priced: Priced) -> Known {
    let record = Record::of(provider.name(), &priced.machine.label);
    let record = record.filter(|record| record.is_of(&priced.machine));
    let key = record.as_ref().and_then(Record::host_key);
    Known {
        fingerprint: key.and_then(|key| fingerprint(&key)),
        password: record.and_then(|record| record.password_file()),
        priced,
    }
}
