//! What several playbooks declare on one host is refused: each would take it away, or change it back.

use std::collections::BTreeSet;

use crate::change::Id;
use crate::desired::{Desired, Refusal};
use crate::facts::Facts;

/// Refuses what the newest generation of another playbook has.
pub(super) fn refuse(desired: &Desired, facts: &Facts) -> Result<(), Refusal> {
    let others = facts
        .generations()
        .into_iter()
        .filter(|latest| latest.playbook != desired.name);
    for other in others {
        for entry in &desired.entries {
            let own = entry.resource.remains();
            for theirs in other.declared.iter().map(|declared| &declared.remains) {
                let shared = first(&own.paths, &theirs.paths)
                    .or_else(|| first(&own.folders, &theirs.folders))
                    .or_else(|| first(&own.units, &theirs.units))
                    .or_else(|| first(&own.users, &theirs.users))
                    .or_else(|| first(&own.groups, &theirs.groups));
                if let Some(shared) = shared {
                    return Err(refusal(entry.resource.id(), &other.playbook, shared));
                }
            }
        }
    }
    Ok(())
}

fn first<'s>(own: &'s BTreeSet<String>, theirs: &'s BTreeSet<String>) -> Option<&'s String> {
    own.intersection(theirs).next()
}

fn refusal(id: &Id, playbook: &str, what: &str) -> Refusal {
    Refusal {
        id: id.clone(),
        cause: format!("the playbook {playbook} has {what} on this host, too"),
        mend: format!(
            "declare it in one of the two; take it out of {playbook} and apply that first to hand it over"
        ),
    }
}
