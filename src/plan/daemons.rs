//! Daemons load what a change touches, whichever kind makes it: checked before it is live, loaded in the same step,
//! and when the daemon does not take it, put back and loaded again.
//!
//! What a daemon has loaded of a resource is remembered on the host. A run that ended in between leaves it unknown,
//! and the next one lets the daemon load it.

use std::collections::{BTreeSet, HashSet};

use crate::change::{Action, Change, Id, Verb};
use crate::daemons::{ALL, Daemon};
use crate::desired::{Refusal, Resource, parent};
use crate::facts::Facts;
use crate::shell;

/// What the host remembers while it is not known what a daemon has loaded (`unloaded` in `prelude.sh`).
const UNKNOWN: &str = "-";

/// The name under which the host remembers what `daemon` has loaded of the resource `id`: a file's name.
fn stamp(daemon: &Daemon, id: &str) -> String {
    format!("{}@{}", daemon.name, id.replace('/', "_"))
}

/// The changes of `resource`, with all that the daemons have to do. What a daemon would pass over is refused. A stamp that is seen to goes into `seen`.
pub(super) fn loading(
    resource: &dyn Resource,
    facts: &Facts,
    mut changes: Vec<Change>,
    seen: &mut HashSet<String>,
) -> Result<Vec<Change>, Refusal> {
    let version = resource.version();
    let paths = resource.paths();
    for daemon in ALL.iter().filter(|_| version.is_some()) {
        let over = paths
            .iter()
            .find_map(|path| Some((path, daemon.passes_over(path)?)));
        if let Some((path, why)) = over {
            return Err(Refusal {
                id: resource.id().clone(),
                cause: format!("{} would not read {path}", daemon.name),
                mend: format!("give it another name: {why}"),
            });
        }
    }
    let mut due = Vec::new();
    let mut stale = Vec::new();
    for daemon in &ALL {
        for action in changes.iter_mut().flat_map(|change| &mut change.actions) {
            check(daemon, action);
        }
        let touches = |change: &Change| change.actions.iter().any(|action| touches(daemon, action));
        if let Some(index) = changes.iter().rposition(touches) {
            due.push((index, daemon));
        } else if paths.iter().any(|path| daemon.reads(path)) {
            let known = facts.loaded(&stamp(daemon, resource.id().as_str()));
            let other = version.as_ref().is_some_and(|version| known != Some(version));
            if other || known == Some(UNKNOWN) {
                stale.push(daemon);
            }
        }
    }
    let mut load = |change: Change, daemons: &[&Daemon]| {
        let stamps = daemons.iter().map(|daemon| stamp(daemon, resource.id().as_str()));
        let stamps: Vec<String> = stamps.collect();
        seen.extend(stamps.iter().cloned());
        let value = version.as_deref().unwrap_or("loaded");
        // What is taken away has no version, and nobody reads it.
        let live = if version.is_some() { &paths[..] } else { &[] };
        with_load(change, daemons, &stamps, live, value)
    };
    let loaded = changes.into_iter().enumerate().map(|(index, change)| {
        let daemons = due.iter().filter(|(of, _)| *of == index);
        let daemons: Vec<&Daemon> = daemons.map(|(_, daemon)| *daemon).collect();
        match daemons.is_empty() {
            true => change,
            false => load(change, &daemons),
        }
    });
    let mut changes: Vec<Change> = loaded.collect();
    if !stale.is_empty() {
        let verbs: Vec<&str> = stale.iter().map(|daemon| daemon.verb).collect();
        let change = Change::new(resource.id(), Verb::Run, verbs.join(", "));
        changes.push(load(
            change.note("what is on disk is not known to be loaded"),
            &stale,
        ));
    }
    Ok(changes)
}

/// What earlier runs left unknown of resources that are in this playbook no more.
pub(super) fn left(facts: &Facts, seen: &HashSet<String>) -> Vec<Change> {
    let left = |daemon: &&'static Daemon| {
        let prefix = stamp(daemon, "");
        let stamps = facts.all_loaded();
        let stamps = stamps.filter(|(name, value)| *value == UNKNOWN && name.starts_with(&prefix));
        let names = stamps.map(|(name, _)| name.to_owned());
        let mut names: Vec<String> = names.filter(|name| !seen.contains(name)).collect();
        names.sort();
        (!names.is_empty()).then_some((*daemon, names))
    };
    let change = |(daemon, names): (&Daemon, Vec<String>)| {
        let change = Change::new(&Id::new("daemon", daemon.name), Verb::Run, daemon.verb)
            .note("an earlier run ended before what it put in place was known to be loaded");
        with_load(change, &[daemon], &names, &[], "loaded")
    };
    ALL.iter()
        .filter_map(|daemon| left(&daemon))
        .map(change)
        .collect()
}

/// Lets `daemons` load what `change` puts in place.
fn with_load(
    mut change: Change,
    daemons: &[&Daemon],
    stamps: &[String],
    paths: &[&str],
    value: &str,
) -> Change {
    let sh: Vec<&str> = daemons.iter().map(|daemon| daemon.sh).collect();
    let own = std::mem::take(&mut change.actions);
    let put = own
        .iter()
        .filter(|action| matches!(action, Action::Write { .. } | Action::Link { .. }));
    let put: Vec<String> = put.filter_map(Action::path).map(str::to_owned).collect();
    let unloaded = stamps.iter().map(|name| Action::Unloaded { name: name.clone() });
    change.actions = unloaded.chain([Action::Load(sh.concat())]).collect();
    for action in own {
        change.actions.extend(checks_of_link(daemons, &action));
        change.actions.push(action);
    }
    let mut again = String::new();
    for daemon in daemons {
        let name = daemon.name;
        let own = paths.iter().copied().chain(put.iter().map(String::as_str));
        let own: BTreeSet<&str> = own.filter(|path| daemon.reads(path)).collect();
        let own = shell::words(own);
        change = change
            .note(daemon.note)
            .action(Action::Load(format!("{name}_load {own}")));
        again += &format!("loaded_again {name} {name}_load\n");
    }
    if daemons.iter().any(|daemon| daemon.lets_in) {
        change = change.if_access_stays();
    }
    for name in stamps {
        let (name, value) = (name.clone(), value.to_owned());
        change = change.action(Action::Loaded { name, value });
    }
    let own = change.recover.take().unwrap_or_default();
    change.recover = Some(format!("{}{again}{own}", sh.concat()));
    change
}

/// Whether `daemon` reads what `action` touches.
fn touches(daemon: &Daemon, action: &Action) -> bool {
    match action {
        Action::Link { path, .. } | Action::Remove { path } | Action::Delete { path } => {
            daemon.reads_below(path)
        }
        _ => action.path().is_some_and(|path| daemon.reads(path)),
    }
}

/// Lets `daemon` check a file before it is live, unless the playbook says itself how.
fn check(daemon: &Daemon, action: &mut Action) {
    if let Action::Write { path, validate, .. } = action
        && daemon.checks
        && daemon.reads(path)
        && validate.is_none()
    {
        // `put` in `prelude.sh` runs it: its second word is the path.
        *validate = Some(format!("{}_check {{}} \"$2\"", daemon.name));
    }
}

/// The same for what a link points to.
fn checks_of_link(daemons: &[&Daemon], action: &Action) -> Vec<Action> {
    let Action::Link { path, target } = action else {
        return Vec::new();
    };
    let target = match (target.starts_with('/'), parent(path)) {
        (false, Some(above)) => format!("{above}/{target}"),
        _ => target.clone(),
    };
    let (target, quoted) = (shell::quote(&target), shell::quote(path));
    let readers = daemons
        .iter()
        .filter(|daemon| daemon.checks && daemon.reads(path));
    let check = |daemon: &&Daemon| format!("[ ! -f {target} ] || {}_check {target} {quoted}", daemon.name);
    readers.map(check).map(Action::Load).collect()
}
