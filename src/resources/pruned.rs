//! What goes because the playbook that put it on a host no longer declares it. What hostwright did not make is none of
//! it: only what the host remembers that it made ([`Remains`]).

use std::collections::BTreeSet;

use super::absent::{Gone, NEVER};
use super::accounts::{ACCOUNTS, any_process, running};
use super::systemd_files::{glob, unit_of};
use super::systemd_made::Known;
use super::{apt, group, hostname, mount, supervisor, swap, systemd_masked, taken_back, timezone, ufw, user};
use crate::change::{Action, Change, Id, Verb};
use crate::daemons::text::unit;
use crate::desired::{Context, Entry, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::layout;
use crate::managed::announced::{What, stands};
use crate::managed::{file, standing};
use crate::shell;

const WHY: &str = "the playbook no longer declares it";

/// Says that nothing stands any more where something goes.
pub fn announce(gone: &Remains, cx: &mut Render<'_>) {
    for path in &gone.paths {
        stands(cx, path, What::Nothing);
    }
    user::announce_left(gone, cx);
    supervisor::announce_gone(gone, cx);
}

/// Adds what takes it away: `first` and `last` are places before and behind all kinds, `absent` is that of paths at
/// which nothing may stand.
pub fn render(gone: &Remains, [first, absent, last]: [usize; 3], cx: &mut Render<'_>) {
    cx.enter(last, "");
    ufw::close(gone, cx);
    timezone::restore(gone, cx);
    hostname::restore(gone, cx);
    user::restore(gone, cx);
    // Who shall not be there (`present: false`) is seen to by that.
    let own = |user: &&String| !cx.has(&Id::new("user", user));
    let users: Vec<&String> = gone.users.iter().filter(own).collect();
    for user in users {
        cx.push(Leaver {
            id: Id::new("pruned", user),
            user: user.clone(),
            directories: gone.directories.clone(),
        });
    }
    group::take_away(gone, cx);
    for (path, target) in &gone.displaced {
        cx.push(Restored {
            id: Id::new("pruned", path),
            path: path.clone(),
            target: target.clone(),
        });
    }
    for path in &gone.replaced {
        cx.push(Original {
            id: Id::new("pruned", path),
            path: path.clone(),
            original: layout::original(path),
        });
    }
    // What is in a directory goes before it does.
    for path in gone.folders.iter().rev() {
        cx.push(Gone {
            id: Id::new("absent", path),
            path: path.clone(),
            secret: false,
            why: Some(WHY),
            after: Vec::new(),
        });
    }
    for path in gone
        .directories
        .iter()
        .rev()
        .filter(|path| !NEVER.contains(&path.as_str()))
    {
        cx.push(Emptied {
            id: Id::new("pruned", path),
            path: path.clone(),
            gone: gone.clone(),
        });
    }
    cx.enter(absent, "");
    // A link to a site goes before the site.
    for path in gone.paths.iter().rev() {
        let id = Id::new("absent", path);
        if !cx.has(&id) {
            cx.push(Gone {
                id,
                path: path.clone(),
                secret: gone.secrets.contains(path),
                why: Some(WHY),
                after: supervisor::groups_of(path, cx),
            });
        }
    }
    cx.enter(first, "");
    apt::restore(gone, cx);
    mount::restore(gone, cx);
    swap::restore(gone, cx);
    taken_back::render(gone, cx);
    systemd_masked::restore(gone, cx);
    let whole = |path: &&String| unit::is_file(path) && !path.ends_with(".conf");
    let files = gone.paths.iter().filter(whole).filter_map(|path| unit_of(path));
    // Of a template only instances run, and systemd answers nothing for it.
    let files = files.filter(|unit| glob(unit).is_none() && !Known::declares(cx, unit));
    let files = files.filter(|unit| !systemd_masked::was_masked(gone, unit));
    let mut units: Vec<&str> = gone.units.iter().map(String::as_str).chain(files).collect();
    // What another kind needs by now goes on running.
    units.retain(|unit| !cx.units.contains_key(*unit));
    units.sort_unstable();
    units.dedup();
    for unit in units {
        cx.push(Stopped {
            id: Id::new("pruned", unit),
            unit: unit.to_owned(),
        });
    }
}

/// A unit that neither runs nor starts with the host.
#[derive(Debug)]
struct Stopped {
    id: Id,
    unit: String,
}

impl Resource for Stopped {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ends(&self, unit: &str, _: &Context<'_>) -> bool {
        unit == self.unit
    }

    fn ask(&self, questions: &mut Questions) {
        questions.unit(&self.unit);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let (fact, unit) = (cx.facts.unit(&self.unit), shell::quote(&self.unit));
        let enabled = fact.file.starts_with("enabled");
        let words: Vec<&str> = [(fact.is_busy(), "stop"), (enabled, "disable")]
            .into_iter()
            .filter_map(|(wanted, word)| wanted.then_some(word))
            .collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let change = Change::new(
            &self.id,
            Verb::Remove,
            format!("{} {}", words.join(" and "), self.unit),
        );
        let lines = words.iter().map(|word| format!("systemctl {word} {unit}"));
        let mut change = change.shell(lines.collect::<Vec<_>>().join("\n"));
        let back = words.iter().rev().map(|word| match *word {
            "stop" => format!("systemctl start {unit}"),
            _ => format!("systemctl enable {unit}"),
        });
        change.recover = Some(back.collect::<Vec<_>>().join("\n"));
        Ok(vec![change])
    }
}

/// A user who is no longer there. His home stays.
#[derive(Debug)]
struct Leaver {
    id: Id,
    user: String,
    /// Directories that may go, too.
    directories: BTreeSet<String>,
}

impl Leaver {
    /// What still needs him, or the group that goes with him.
    fn needed(&self, cx: &Context<'_>) -> Option<Id> {
        let own = Ref::Group(self.user.clone());
        let own = (cx.providers.find(&own).is_none()).then_some(own);
        let all = [Ref::User(self.user.clone())].into_iter().chain(own);
        all.into_iter().find_map(|account| cx.needed_by(&account))
    }
}

impl Resource for Leaver {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ask(&self, questions: &mut Questions) {
        questions.user(&self.user);
        questions.script(self.id.as_str(), any_process(&self.user));
    }

    fn remark(&self, cx: &Context<'_>) -> Option<String> {
        let needed = cx.facts.user(&self.user).and_then(|_| self.needed(cx))?;
        Some(format!("the user {} stays: {needed} needs him", self.user))
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, user, .. } = self;
        let Some(fact) = cx.facts.user(user).filter(|user| user.local) else {
            return Ok(Vec::new());
        };
        if self.needed(cx).is_some() {
            return Ok(Vec::new());
        }
        if let Some(running) = running(cx.facts.output(id.as_str()), cx) {
            return Err(Refusal {
                id: id.clone(),
                cause: format!("processes of {user} run, whom the playbook no longer declares: {running}"),
                mend: "stop them first, or declare him under `users`; if one of them is this connection, log in as another user".into(),
            });
        }
        let change = Change::new(id, Verb::Remove, format!("remove the user {user}"));
        let change = match self.directories.contains(&fact.home) {
            true => change,
            false => change.note(format!("his home, {}, stays", fact.home)),
        };
        let change = change.shell(format!(
            "{ACCOUNTS}keep_accounts\nuserdel -- {}",
            shell::quote(user)
        ));
        Ok(vec![change.if_access_stays()])
    }
}

/// A link that was there before something took its place.
#[derive(Debug)]
struct Restored {
    id: Id,
    path: String,
    target: String,
}

impl Resource for Restored {
    fn id(&self) -> &Id {
        &self.id
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn version(&self) -> Option<String> {
        Some(self.target.clone())
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
        questions.path(&self.target);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        if cx.facts.path(&self.path).is_some() || cx.facts.path(&self.target).is_none() {
            return Ok(Vec::new());
        }
        let change = Change::new(&self.id, Verb::Create, format!("put {} back", self.path));
        let change = change.note(format!("{} → {}", self.path, self.target));
        Ok(vec![change.action(Action::Link {
            path: self.path.clone(),
            target: self.target.clone(),
        })])
    }
}

/// What stood at a path before a playbook took its place; of a directory, the owner and mode that it had.
#[derive(Debug)]
struct Original {
    id: Id,
    path: String,
    original: String,
}

impl Resource for Original {
    fn id(&self) -> &Id {
        &self.id
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
        questions.path(&self.original);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, path, original } = self;
        let Some(fact) = cx.facts.path(original).filter(|_| !cx.goes_on_with(path)) else {
            return Ok(Vec::new());
        };
        let there = cx.facts.path(path);
        let summary = match (fact.kind == 'd', there.is_some_and(|there| there.kind == 'd')) {
            (true, true) => format!("give {path} its owner and mode back"),
            (false, false) => format!("put back what stood at {path} before"),
            // Somebody has put something else there since.
            _ => return Ok(Vec::new()),
        };
        let mut change = Change::new(id, Verb::Update, summary).note(WHY);
        let shell = |line: &str| format!("{line} {}", shell::quote(original));
        change.recover = Some(format!(
            "if [ -e \"$keeping/original\" ] || [ -L \"$keeping/original\" ]; then mv -T -- \"$keeping/original\" {}; fi",
            shell::quote(original)
        ));
        let attributes = Action::Attributes {
            path: path.clone(),
            mode: fact.mode.clone(),
            owner: fact.owner.clone(),
        };
        if let Some(there) = there.filter(|there| there.kind == 'd') {
            let details = file::attributes(there, &fact.mode, &fact.owner);
            if details.is_empty() {
                return Ok(Vec::new());
            }
            standing::changeable(cx, id, path)?;
            change.details.extend(details);
            return Ok(vec![change.action(attributes).shell(shell("is_back"))]);
        }
        standing::replaceable(cx, id, path)?;
        let back = change.shell(shell(&format!("original {}", shell::quote(path))));
        Ok(vec![match fact.kind {
            'l' => back
                .note(format!("{path} → {}", fact.target))
                .action(Action::Link {
                    path: path.clone(),
                    target: fact.target.clone(),
                }),
            _ => back.action(attributes),
        }])
    }
}

/// A directory that goes if nothing of anybody else's is in it.
#[derive(Debug)]
struct Emptied {
    id: Id,
    path: String,
    gone: Remains,
}

impl Resource for Emptied {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let below = format!("{}/", self.path);
        let inner = self
            .gone
            .directories
            .iter()
            .filter(|path| path.starts_with(&below));
        inner.map(|path| Ref::Id(Id::new("pruned", path))).collect()
    }

    fn ask(&self, questions: &mut Questions) {
        questions.path(&self.path);
        questions.tree(&self.path, &[]);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let path = &self.path;
        if cx.facts.path(path).is_none_or(|fact| fact.kind != 'd') || cx.facts.is_mount_point(path) {
            return Ok(Vec::new());
        }
        let goes = |(_, name): &(char, String)| {
            let inner = format!("{path}/{name}");
            let within = self
                .gone
                .folders
                .iter()
                .any(|folder| inner.starts_with(&format!("{folder}/")));
            within
                || self.gone.paths.contains(&inner)
                || self.gone.directories.contains(&inner)
                || self.gone.folders.contains(&inner)
        };
        let below = format!("{path}/");
        let comes = |entry: &Entry| {
            let remains = entry.resource.remains();
            let mut all = remains
                .paths
                .iter()
                .chain(&remains.directories)
                .chain(&remains.folders);
            all.any(|inner| inner.starts_with(&below))
        };
        if !cx.facts.tree(path).iter().all(goes) || cx.entries.iter().any(comes) {
            return Ok(Vec::new());
        }
        let change = Change::new(
            &self.id,
            Verb::Remove,
            format!("remove the empty directory {path}"),
        );
        // What has come there since the plan was made stays.
        let change = change.shell(format!("rmdir -- {0} && mkdir -- {0}", shell::quote(path)));
        Ok(vec![change.action(Action::Remove {
            path: path.clone(),
            secret: false,
        })])
    }
}
