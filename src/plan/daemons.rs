//! Daemons load what a change touches, whichever kind makes it: checked before it is live, loaded in the same step,
//! and when the daemon does not take it, put back and loaded again.
//!
//! What a daemon has loaded of a resource is remembered on the host. A run that ended in between leaves it unknown,
//! and the next one lets the daemon load it.

use std::collections::{BTreeSet, HashSet};

use crate::change::{Action, Change, Id, Verb, sha256};
use crate::daemons::{ALL, Daemon};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Facts;
use crate::path::resolve;
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
    cx: &Context<'_>,
    mut changes: Vec<Change>,
    seen: &mut HashSet<String>,
) -> Result<Vec<Change>, Refusal> {
    let leads_to: Vec<Ref> = resource.leads_to().into_iter().map(Ref::Path).collect();
    let version = resource.version().map(|own| {
        let behind = leads_to.iter().filter_map(|target| cx.version(target));
        behind.fold(own, |all, version| sha256(format!("{all}{version}").as_bytes()))
    });
    let paths = resource.paths();
    for daemon in ALL.iter().filter(|_| version.is_some()) {
        let over = paths
            .iter()
            .find_map(|path| Some((path, daemon.passes_over(path)?)));
        if let Some((path, why)) = over {
            return Err(Refusal {
                id: resource.id().clone(),
                cause: format!("{} would not read {path}", daemon.name.replace('_', "-")),
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
            let known = cx.facts.loaded(&stamp(daemon, resource.id().as_str()));
            let other = version.as_ref().is_some_and(|version| known != Some(version));
            let behind = resource.leads_to().iter().any(|target| cx.replaces(target));
            if other || behind || known == Some(UNKNOWN) {
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
        let mut change = load(change.note("what is on disk is not known to be loaded"), &stale);
        // What an earlier step has just put behind a link is as much at fault as the link itself.
        let new = leads_to.iter().filter(|target| cx.changes(target));
        let back = new.filter_map(|target| match target {
            Ref::Path(path) => Some(format!("take_back {}\n", shell::quote(path))),
            _ => None,
        });
        let again = change.recover.take().unwrap_or_default();
        change.recover = Some(back.chain([again]).collect());
        changes.push(change);
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
        Action::Link { path, .. } | Action::Remove { path, .. } | Action::Delete { path } => {
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
    let target = resolve(path, target);
    let (target, quoted) = (shell::quote(&target), shell::quote(path));
    let readers = daemons
        .iter()
        .filter(|daemon| daemon.checks && daemon.reads(path));
    let check = |daemon: &&Daemon| format!("[ ! -f {target} ] || {}_check {target} {quoted}", daemon.name);
    readers.map(check).map(Action::Load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Content;
    use crate::desired::Providers;
    use crate::facts::{Questions, decode};

    /// A file with this version, and what its kind would do.
    #[derive(Debug)]
    struct Fake(Id, &'static str, Option<&'static str>);

    impl Resource for Fake {
        fn id(&self) -> &Id {
            &self.0
        }
        fn paths(&self) -> Vec<&str> {
            vec![self.1]
        }
        fn version(&self) -> Option<String> {
            self.2.map(str::to_owned)
        }
        fn ask(&self, _: &mut Questions) {}
        fn diff(&self, _: &Context<'_>) -> Result<Vec<Change>, Refusal> {
            Ok(Vec::new())
        }
    }

    fn facts(loaded: &str) -> Facts {
        let answer = format!("@loaded {} \n{loaded}\n@end 0 \n\n", loaded.len());
        decode(&Questions::default(), answer.as_bytes()).expect("decodes")
    }

    /// What the daemons do about a resource of which the host remembers this.
    fn planned(fake: &Fake, remembered: &str, actions: Vec<Action>) -> Result<Vec<Change>, Refusal> {
        let stamp = format!("sshd@{} {remembered}\n", fake.0.as_str().replace('/', "_"));
        let facts = facts(if remembered.is_empty() { "" } else { &stamp });
        let (providers, changed, replaced) = (Providers::default(), HashSet::new(), HashSet::new());
        let cx = Context {
            facts: &facts,
            entries: &[],
            providers: &providers,
            changed: &changed,
            replaced: &replaced,
            more: false,
        };
        let mut change = Change::new(&fake.0, Verb::Update, "x");
        change.actions = actions;
        let changes = if change.actions.is_empty() {
            Vec::new()
        } else {
            vec![change]
        };
        loading(fake, &cx, changes, &mut HashSet::new())
    }

    fn file(version: Option<&'static str>) -> Fake {
        Fake(Id::new("file", "/x"), "/etc/ssh/sshd_config.d/x.conf", version)
    }

    #[test]
    fn what_is_not_known_to_be_loaded_is_loaded() {
        for (version, remembered, runs) in [
            (Some("v1"), "", true),
            (Some("v1"), "v0", true),
            (Some("v1"), "-", true),
            (Some("v1"), "v1", false),
            // What shall not be there, and was not when the host was first looked at.
            (None, "", false),
            (None, "-", true),
            (None, "loaded", false),
        ] {
            let changes = planned(&file(version), remembered, Vec::new()).expect("a plan");
            assert_eq!(changes.len(), usize::from(runs), "{version:?} {remembered}");
        }
    }

    #[test]
    fn whatever_touches_it_is_checked_loaded_and_recovered() {
        let path = "/etc/ssh/sshd_config.d/x.conf".to_owned();
        let write = |validate: Option<&str>| Action::Write {
            path: path.clone(),
            content: Content::new(&b"x"[..], false),
            mode: "0644".into(),
            owner: "root:root".into(),
            validate: validate.map(str::to_owned),
            like: None,
        };
        let target = "../y".to_owned();
        for action in [
            write(None),
            Action::Link {
                path: path.clone(),
                target,
            },
            Action::Remove {
                path: path.clone(),
                secret: false,
            },
            Action::Remove {
                path: "/etc/ssh".into(),
                secret: false,
            },
        ] {
            let changes = planned(&file(Some("v1")), "v1", vec![action.clone()]).expect("a plan");
            let actions = &changes[0].actions;
            assert!(matches!(actions[0], Action::Unloaded { .. }), "{actions:?}");
            assert!(
                matches!(actions[actions.len() - 2], Action::ConfirmAccess { .. }),
                "{actions:?}"
            );
            assert!(
                matches!(actions[actions.len() - 1], Action::Loaded { .. }),
                "{actions:?}"
            );
            let recover = changes[0].recover.as_deref().expect("something");
            assert!(recover.ends_with("loaded_again sshd sshd_load\n"), "{recover}");
            let checked = actions.iter().any(|done| match done {
                Action::Write { validate, .. } => validate.as_deref() == Some("sshd_check {} \"$2\""),
                Action::Load(text) => text.contains("sshd_check /etc/ssh/y "),
                _ => false,
            });
            assert_eq!(checked, !matches!(action, Action::Remove { .. }), "{actions:?}");
        }
        // The playbook's own way of checking it stays.
        let changes = planned(&file(Some("v1")), "", vec![write(Some("own {}"))]).expect("a plan");
        let own =
            |action: &Action| matches!(action, Action::Write { validate: Some(own), .. } if own == "own {}");
        assert!(changes[0].actions.iter().any(own));
        // What no daemon reads is as it was.
        let action = Action::Remove {
            path: "/srv/x".into(),
            secret: false,
        };
        let fake = Fake(Id::new("file", "/srv/x"), "/srv/x", Some("v1"));
        let changes = planned(&fake, "", vec![action.clone()]).expect("a plan");
        assert_eq!(changes[0].actions, [action]);
    }

    #[test]
    fn a_name_that_is_passed_over_is_refused() {
        let fake = |version| Fake(Id::new("file", "/x"), "/etc/cron.d/a.b", version);
        let refusal = planned(&fake(Some("v1")), "", Vec::new()).expect_err("refused");
        assert!(
            refusal.cause.contains("cron would not read /etc/cron.d/a.b"),
            "{refusal}"
        );
        assert!(
            planned(&fake(None), "", Vec::new()).is_ok(),
            "it may be taken away"
        );
    }

    #[test]
    fn what_no_playbook_knows_any_more_is_loaded_once() {
        let facts = facts("cron@file.x -\ncron@file.y -\ncron@file.z abc\nsupervisor.x -\nsshd@file.x -\n");
        let left = left(&facts, &HashSet::from(["sshd@file.x".to_owned()]));
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id.as_str(), "daemon.cron");
        let loaded = left[0].actions.iter().filter_map(|action| match action {
            Action::Loaded { name, .. } => Some(name.as_str()),
            _ => None,
        });
        assert_eq!(loaded.collect::<Vec<_>>(), ["cron@file.x", "cron@file.y"]);
    }
}
