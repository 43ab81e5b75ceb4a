//! A file that a kind puts in place: the same facts, difference and action for all of them.

use std::collections::BTreeSet;

use super::standing;
use crate::change::{Action, Change, Content, Detail, Verb, counted};
use crate::daemons;
use crate::desired::{Context, Ref, Refusal};
use crate::facts::{PathFact, Questions, Remains};
use crate::language::scalar::Name;
use crate::path::parent;

/// A file as it should be.
#[derive(Clone, Debug)]
pub(crate) struct ManagedFile {
    pub path: String,
    pub content: Content,
    pub mode: String,
    pub owner: String,
    pub validate: Option<String>,
    /// What it holds on hosts of other sorts, so that a difference from that can be shown.
    pub elsewhere: Vec<Content>,
}

impl ManagedFile {
    /// A file of root's that all may read.
    pub fn new(path: impl Into<String>, content: Content) -> Self {
        // Nobody but root reads a secret unless the playbook says so.
        let mode = if content.secret { "0600" } else { "0644" };
        Self {
            validate: None,
            path: path.into(),
            content,
            mode: mode.into(),
            owner: "root:root".into(),
            elsewhere: Vec::new(),
        }
    }

    /// The same file with another mode.
    pub fn mode(mut self, mode: &str) -> Self {
        self.mode = mode.into();
        self
    }

    pub fn needs(&self) -> Vec<Ref> {
        let (user, group) = self.owner.split_once(':').unwrap_or((&self.owner, ""));
        let mut needs = vec![Ref::User(user.into()), Ref::Group(group.into())];
        needs.extend(parent(&self.path).map(|parent| Ref::Path(parent.to_owned())));
        needs.extend(daemons::packages(&self.path).map(|package| Ref::Package(package.into())));
        needs
    }

    /// What of it goes when no playbook declares it any more.
    pub fn remains(&self) -> Remains {
        let paths: BTreeSet<String> = [self.path.clone()].into();
        Remains {
            secrets: if self.content.secret {
                paths.clone()
            } else {
                BTreeSet::new()
            },
            paths,
            ..Remains::default()
        }
    }

    pub fn ask(&self, questions: &mut Questions) {
        for content in self.elsewhere.iter().chain([&self.content]) {
            questions.content(&self.path, &content.sha256, !content.secret);
        }
    }

    /// Whether the host has the file as it should be.
    pub fn is_there(&self, cx: &Context<'_>) -> bool {
        let right = |fact: &PathFact| fact.kind == 'f' && fact.mode == self.mode && fact.owner == self.owner;
        cx.facts.path(&self.path).is_some_and(right) && cx.facts.has_content(&self.path, &self.content.sha256)
    }

    pub fn write(&self) -> Action {
        Action::Write {
            path: self.path.clone(),
            content: self.content.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
            validate: self.validate.clone(),
            like: None,
        }
    }

    /// Adds to `change` what putting the file in place looks like and does; says whether anything is to do.
    pub fn diff_into(&self, cx: &Context<'_>, change: &mut Change) -> Result<bool, Refusal> {
        if self.is_there(cx) {
            return Ok(false);
        }
        let fact = cx.facts.path(&self.path);
        let differs = !cx.facts.has_content(&self.path, &self.content.sha256);
        match fact {
            Some(fact) if fact.kind == 'f' && !differs => {
                standing::changeable(cx, &change.id, &self.path)?;
                change.details.extend(attributes(fact, &self.mode, &self.owner));
                change.actions.push(Action::Attributes {
                    path: self.path.clone(),
                    mode: self.mode.clone(),
                    owner: self.owner.clone(),
                });
                return Ok(true);
            }
            Some(fact) if !matches!(fact.kind, 'f' | 'l') => return Err(self.in_the_way(fact, &change.id)),
            _ => standing::replaceable(cx, &change.id, &self.path)?,
        }
        let linked = fact.filter(|fact| fact.kind == 'l');
        if let Some(fact) = linked {
            let Self {
                path, mode, owner, ..
            } = self;
            let was = standing::link(fact);
            let text = format!("{path} is {was}: it becomes a file of its own, {mode} {owner}");
            change.details.push(Detail::Note(text));
        }
        // Whoever reads through a link sees the same as before where only the link goes.
        if differs || linked.is_none() {
            let leads = linked.is_none_or(|fact| fact.behind.is_some());
            change
                .details
                .push(self.content_detail(cx, fact.is_some() && leads));
        }
        if let Some(fact) = fact.filter(|fact| fact.kind == 'f') {
            change.details.extend(attributes(fact, &self.mode, &self.owner));
            change.details.extend(self.lost(fact));
        }
        change.actions.push(self.write());
        Ok(true)
    }

    fn in_the_way(&self, fact: &PathFact, id: &crate::change::Id) -> Refusal {
        Refusal {
            id: id.clone(),
            cause: format!(
                "{} is {}, and a file shall stand there",
                self.path,
                standing::what(fact)
            ),
            mend: "move it away first".into(),
        }
    }

    /// What a file loses when another takes its place.
    fn lost(&self, fact: &PathFact) -> Option<Detail> {
        let path = &self.path;
        let text = if fact.names > 1 {
            let others = counted(fact.names as usize - 1, "other name");
            format!("{path} has {others} (hard links): what stands under them stays as it is")
        } else if fact.acl && fact.mode != self.mode {
            format!("{path} loses its access list (getfacl shows it), which went with the old mode")
        } else {
            return None;
        };
        Some(Detail::Note(text))
    }

    fn content_detail(&self, cx: &Context<'_>, exists: bool) -> Detail {
        let path = match exists {
            true => self.path.clone(),
            false => format!("{} {} {}", self.path, self.mode, self.owner),
        };
        let hidden = |why: &str| Detail::Note(format!("{path}: {why}"));
        if self.content.secret {
            return hidden("the contents hold a secret and are not shown");
        }
        let size = counted(self.content.size as usize, "byte");
        if !self.content.is_here() {
            return hidden(&format!("{size}, which the host has kept"));
        }
        let Ok(new) = std::str::from_utf8(&self.content.bytes) else {
            return hidden(&format!("{size}, not text"));
        };
        // What only its owner could read until now may hold a secret that the playbook no longer knows.
        let closed = |mode: &str| mode.ends_with("00");
        let fact = cx.facts.path(&self.path);
        let read = fact.map(|fact| fact.behind.as_deref().unwrap_or(fact));
        if read.is_some_and(|fact| closed(&fact.mode)) && !closed(&self.mode) {
            return hidden("other contents; the old ones were for their owner alone and are not shown");
        }
        let is_there = |content: &&Content| cx.facts.has_content(&self.path, &content.sha256);
        let known = self
            .elsewhere
            .iter()
            .find(is_there)
            .map(|content| &*content.bytes);
        let old = known.or_else(|| cx.facts.content(&self.path));
        match (exists, old.map(std::str::from_utf8)) {
            (false, _) => Detail::Diff {
                path,
                old: String::new(),
                new: new.to_owned(),
            },
            (true, Some(Ok(old))) => Detail::Diff {
                path,
                old: old.to_owned(),
                new: new.to_owned(),
            },
            (true, _) => hidden("other contents, too large or not text"),
        }
    }

    /// The whole change of a resource that is this file and nothing else.
    pub fn diff(&self, cx: &Context<'_>, id: &crate::change::Id) -> Result<Vec<Change>, Refusal> {
        let mut change = self.change(cx, id);
        Ok(match self.diff_into(cx, &mut change)? {
            true => vec![change],
            false => Vec::new(),
        })
    }

    /// A change that says whether the file is made or altered.
    pub fn change(&self, cx: &Context<'_>, id: &crate::change::Id) -> Change {
        let exists = cx.facts.path(&self.path).is_some();
        let (verb, word) = if exists {
            (Verb::Update, "update")
        } else {
            (Verb::Create, "write")
        };
        Change::new(id, verb, format!("{word} {}", self.path))
    }
}

/// What differs between a path's owner and mode and those it should have.
pub(crate) fn attributes(fact: &PathFact, mode: &str, owner: &str) -> Vec<Detail> {
    let mut details = Vec::new();
    let mut field = |name, from: &str, to: &str| {
        if from != to {
            details.push(Detail::Field {
                name,
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
    };
    field("mode", &fact.mode, mode);
    field("owner", &fact.owner, owner);
    details
}

/// `user:group`, the group being the user's own where none is named.
pub(crate) fn owner(user: &Option<Name>, group: &Option<Name>) -> String {
    let user = user.as_ref().map_or("root", |name| &name.0);
    format!("{user}:{}", group.as_ref().map_or(user, |name| &name.0))
}
