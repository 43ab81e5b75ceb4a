//! A directory with all that is in it, as it stands on this machine.

use super::file::ManagedFile;
use super::place::Place;
use super::standing;
use crate::change::{Action, Change, Detail, Id, Verb, counted, sha256};
use crate::daemons;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::language::tree::Exclude;

/// One thing in the directory, by its path on the host.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Directory(Place),
    File(ManagedFile),
    Link { path: String, target: String },
}

impl Item {
    pub fn path(&self) -> &str {
        match self {
            Self::Directory(place) => &place.path,
            Self::File(file) => &file.path,
            Self::Link { path, .. } => path,
        }
    }
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Tree {
    pub id: Id,
    pub top: Place,
    /// Each directory before what is in it.
    pub items: Vec<Item>,
    /// What is none of the tree's.
    pub exclude: Exclude,
    /// Whether what is on the host and not here is removed.
    pub delete: bool,
}

/// What a change does, in numbers.
#[derive(Debug, Default)]
struct Counts {
    new: usize,
    changed: usize,
    removed: usize,
}

impl Tree {
    /// What is on the host and should not be: of a directory that goes whole only itself, by path.
    fn surplus<'f>(&self, cx: &'f Context<'_>) -> Vec<(String, &'f str)> {
        if !self.delete {
            return Vec::new();
        }
        let wanted: std::collections::HashSet<&str> = self.items.iter().map(Item::path).collect();
        let stays = |entry: &&(char, String)| {
            let path = self.on_host(&entry.1);
            let other = |path: &str| cx.provides(path).is_some_and(|id| *id != self.id);
            wanted.contains(path.as_str()) || other(&path) || self.exclude.covers(&entry.1, entry.0 == 'd')
        };
        let entries = cx.facts.tree(&self.top.path);
        // What stays keeps the directories above it.
        let mut kept = std::collections::HashSet::new();
        for (_, path) in entries.iter().filter(stays) {
            kept.insert(path.as_str());
            kept.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
        }
        let goes = |path: &str| !kept.contains(path);
        let with_parent = |path: &str| path.rfind('/').is_some_and(|at| goes(&path[..at]));
        let surplus = entries
            .iter()
            .filter(|(_, path)| goes(path) && !with_parent(path));
        surplus
            .map(|(_, path)| (self.on_host(path), path.as_str()))
            .collect()
    }

    fn on_host(&self, path: &str) -> String {
        format!("{}/{path}", self.top.path)
    }

    /// Takes away what stands where `item` belongs and is of another kind; says whether something did.
    fn clear(&self, cx: &Context<'_>, item: &Item, change: &mut Change) -> Result<bool, Refusal> {
        let path = item.path();
        let Some(fact) = cx.facts.path(path) else {
            return Ok(false);
        };
        let is_directory = matches!(item, Item::Directory(_));
        if (fact.kind == 'd') == is_directory {
            return Ok(false);
        }
        if !self.delete {
            let wanted = match is_directory {
                true => "a directory",
                false => "none",
            };
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("{path} is {} on the host and {wanted} here", standing::what(fact)),
                mend: "move it away, or let `delete: true` take away what is not here".into(),
            });
        }
        standing::replaceable(cx, &self.id, path)?;
        change
            .details
            .push(Detail::Note(format!("removes {path}, which is in the way")));
        change.actions.push(Action::Remove {
            path: path.to_owned(),
        });
        Ok(true)
    }

    /// Adds what `item` needs. `anew` says that nothing stands there when its turn comes.
    fn put(&self, cx: &Context<'_>, item: &Item, anew: bool, change: &mut Change) -> Result<bool, Refusal> {
        let fact = cx.facts.path(item.path()).filter(|_| !anew);
        match item {
            Item::Directory(place) => match fact {
                Some(fact) => place.mend(cx, fact, change),
                None => {
                    let text = format!("{}/ {} {}", place.path, place.mode, place.owner);
                    change.details.push(Detail::Note(text));
                    change.actions.push(place.make());
                    Ok(true)
                }
            },
            Item::File(file) if anew => {
                let size = counted(file.content.bytes.len(), "byte");
                let text = format!("{} {} {}, {size}", file.path, file.mode, file.owner);
                change.details.push(Detail::Note(text));
                change.actions.push(file.write());
                Ok(true)
            }
            Item::File(file) => file.diff_into(cx, change),
            Item::Link { path, target } => {
                if fact.is_some_and(|fact| fact.kind == 'l' && standing::same_target(&fact.target, target)) {
                    return Ok(false);
                }
                let text = match fact {
                    Some(fact) if fact.kind == 'l' => format!("{path} → {target}, not {}", fact.target),
                    Some(fact) => format!(
                        "{path} is {}: it becomes a link to {target}",
                        standing::what(fact)
                    ),
                    None => format!("{path} → {target}"),
                };
                change.details.push(Detail::Note(text));
                change.actions.push(Action::Link {
                    path: path.clone(),
                    target: target.clone(),
                });
                Ok(true)
            }
        }
    }
}

impl Resource for Tree {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.top.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = self.top.needs();
        let packages = self.items.iter().flat_map(|item| daemons::packages(item.path()));
        needs.extend(packages.map(|package| Ref::Package(package.into())));
        needs
    }

    fn version(&self) -> Option<String> {
        let lines = self.items.iter().map(|item| match item {
            Item::Directory(place) => format!("{}\n", place.path),
            Item::File(file) => format!("{} {}\n", file.path, file.content.sha256),
            Item::Link { path, target } => format!("{path} {target}\n"),
        });
        Some(sha256(lines.collect::<String>().as_bytes()))
    }

    fn version_of(&self, path: &str) -> Option<String> {
        match self.items.iter().find(|item| item.path() == path) {
            Some(Item::File(file)) => Some(file.content.sha256.clone()),
            _ => self.version(),
        }
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        self.items.iter().find_map(|item| match item {
            Item::File(file) if file.path == path => Some(&*file.content.bytes),
            _ => None,
        })
    }

    fn paths(&self) -> Vec<&str> {
        let loaded = self
            .items
            .iter()
            .filter(|item| !matches!(item, Item::Directory(_)));
        loaded.map(Item::path).collect()
    }

    fn ask(&self, questions: &mut Questions) {
        self.top.ask(questions);
        for item in &self.items {
            match item {
                Item::Directory(place) => place.ask(questions),
                Item::File(file) => file.ask(questions),
                Item::Link { path, .. } => questions.place(path),
            }
        }
        if self.delete {
            questions.tree(&self.top.path, self.exclude.names());
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let path = &self.top.path;
        let mut change = Change::new(&self.id, Verb::Update, "");
        let mut counts = Counts::default();
        let top = cx.facts.path(path);
        match top {
            Some(fact) => self.top.mend(cx, fact, &mut change)?,
            None => {
                standing::replaceable(cx, &self.id, path)?;
                self.put(cx, &Item::Directory(self.top.clone()), true, &mut change)?
            }
        };
        // Below a directory that takes another's place nothing is there, whatever was found through it.
        let mut replaced: Vec<&str> = Vec::new();
        for item in &self.items {
            let below = |above: &&str| {
                let rest = item.path().strip_prefix(above);
                rest.is_some_and(|rest| rest.starts_with('/'))
            };
            let inherited = replaced.iter().any(below);
            let cleared = !inherited && self.clear(cx, item, &mut change)?;
            if cleared {
                replaced.push(item.path());
            }
            let anew = inherited || cleared || cx.facts.path(item.path()).is_none();
            let told = change.details.len();
            let changes = self.put(cx, item, anew, &mut change)?;
            // What is in place is asked by its own kind.
            if changes && !inherited && (anew || matches!(item, Item::Link { .. })) {
                standing::replaceable(cx, &self.id, item.path())?;
            }
            if changes {
                // A property alone does not say whose it is.
                if let Some(Detail::Field { .. }) = change.details.get(told) {
                    let path = item.path().to_owned();
                    change.details.insert(told, Detail::Note(path));
                }
                match anew {
                    true => counts.new += 1,
                    false => counts.changed += 1,
                }
            }
        }
        for (path, relative) in self.surplus(cx) {
            standing::replaceable(cx, &self.id, &path)?;
            change.details.push(Detail::Note(format!("removes {relative}")));
            change.actions.push(Action::Remove { path });
            counts.removed += 1;
        }
        if change.actions.is_empty() {
            return Ok(Vec::new());
        }
        let Counts {
            new,
            changed,
            removed,
        } = counts;
        change.summary = if top.is_none() {
            change.verb = Verb::Create;
            format!("make directory {path} with {new} in it")
        } else {
            format!("update {path}: {new} new, {changed} changed, {removed} removed")
        };
        Ok(vec![change])
    }
}
