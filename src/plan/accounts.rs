//! Users and groups that a resource needs: somebody provides them, or the host has them.

use crate::desired::{Context, Ref, Refusal, Resource, needs};
use crate::facts::is_everywhere;

/// Those whom only something that is about to be installed or run can bring, in words.
///
/// # Errors
/// When one is not there and nothing can bring it.
pub(super) fn unseen(resource: &dyn Resource, cx: &Context<'_>) -> Result<Vec<String>, Refusal> {
    let mut unseen = Vec::new();
    for need in needs(resource, cx.entries) {
        let (what, section) = match &need {
            Ref::User(name) => (format!("user {name}"), "users"),
            Ref::Group(name) => (format!("group {name}"), "groups"),
            _ => continue,
        };
        if is_there(&need, cx) || unseen.contains(&what) {
            continue;
        }
        if !cx.more {
            let group_of = matches!(&need, Ref::Group(name) if cx.facts.user(name).is_some());
            return Err(Refusal {
                id: resource.id().clone(),
                cause: format!("there is no {what} on the host, and nothing in this playbook makes one"),
                mend: match group_of {
                    true => format!(
                        "the user has another group of his own, which `id -gn` tells on the host: name it as `group`, or make the {what}"
                    ),
                    false => format!("declare it under `{section}`, or name one that the host has"),
                },
            });
        }
        unseen.push(what);
    }
    Ok(unseen)
}

fn is_there(need: &Ref, cx: &Context<'_>) -> bool {
    let provider = cx.providers.find(need);
    match need {
        Ref::User(name) => is_everywhere(name) || provider.is_some() || cx.facts.user(name).is_some(),
        // A user's own group is made with him: one who is there and has none gets none.
        Ref::Group(name) => {
            let with_him = provider == cx.providers.find(&Ref::User(name.clone()));
            is_everywhere(name)
                || cx.facts.group(name).is_some()
                || provider.is_some() && !(with_him && cx.facts.user(name).is_some())
        }
        _ => true,
    }
}
