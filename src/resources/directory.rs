//! Directories.

use schemars::JsonSchema;
use serde::Deserialize;

use super::absent::NEVER;
use super::managed::{ManagedFile, attributes, owner};
use super::standing;
use super::tree::{Item, Tree};
use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource, parent};
use crate::facts::{PathFact, Questions};
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{Flag, Line, LocalPath, Mode, Name, optional};
use crate::playbook::tree::{self, Exclude, Node};

/// A directory, empty or filled from one of this machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// A directory of this machine, relative to the playbook: all that is in it is put into this one. Files are
    /// 0644, or 0755 where their owner may run them; directories in it have this one's mode.
    #[serde(default, deserialize_with = "optional")]
    pub source: Option<LocalPath>,
    /// What of it stays here, in the patterns of a `.gitignore`: `.git/`, `*.map`, `/cache/`.
    #[serde(default)]
    pub exclude: Vec<Line>,
    /// Whether what is in the directory on the host and not in `source` is removed; what is excluded stays.
    #[serde(default, deserialize_with = "optional")]
    pub delete: Option<Flag>,
    /// Owner; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub owner: Option<Name>,
    /// Group; the owner's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub group: Option<Name>,
    /// Permission bits; 0755 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub mode: Option<Mode>,
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

impl Directory {
    /// What it puts below `path`; nothing where its source cannot be read, which its rendering says.
    pub(super) fn nodes(&self, path: &str, cx: &Render<'_>) -> Vec<(String, Node)> {
        let read = |source: &LocalPath| {
            let exclude = Exclude::new(&self.exclude).ok()?;
            tree::read(&cx.loaded.directory.join(&source.0), &exclude).ok()
        };
        let nodes = self.source.as_ref().and_then(read).unwrap_or_default();
        let top = path.trim_end_matches('/');
        let there = |(name, node)| (format!("{top}/{name}"), node);
        nodes.into_iter().map(there).collect()
    }

    fn tree(&self, source: &LocalPath, top: Place, cx: &Render<'_>) -> Result<Tree, Problem> {
        let delete = self.delete.as_ref().is_some_and(|delete| delete.0);
        if delete && NEVER.contains(&top.path.as_str()) {
            return Err(Problem::new(
                format!(
                    "`delete` would take away from {} whatever others put there",
                    top.path
                ),
                "fill a directory of its own, below it",
            ));
        }
        let exclude = Exclude::new(&self.exclude)?;
        let nodes = tree::read(&cx.loaded.directory.join(&source.0), &exclude)?;
        let item = |(name, node): (String, Node)| {
            let path = format!("{}/{name}", top.path.trim_end_matches('/'));
            match node {
                Node::Directory => Item::Directory(Place { path, ..top.clone() }),
                Node::Link(target) => Item::Link { path, target },
                Node::File { bytes, executable } => {
                    let mut file = ManagedFile::new(path, cx.content(bytes));
                    file.owner.clone_from(&top.owner);
                    if executable {
                        file.mode = if file.content.secret { "0700" } else { "0755" }.into();
                    }
                    Item::File(file)
                }
            }
        };
        Ok(Tree {
            id: top.id.clone(),
            items: nodes.into_iter().map(item).collect(),
            top,
            exclude,
            delete,
        })
    }
}

impl Declaration for Directory {
    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let place = Place {
            id: Id::new("directory", path),
            path: path.to_owned(),
            mode: self.mode.as_ref().map_or("0755", |mode| &mode.0).to_owned(),
            owner: owner(&self.owner, &self.group),
        };
        match &self.source {
            Some(source) => {
                let tree = self.tree(source, place, cx)?;
                cx.push(tree);
            }
            None if !self.exclude.is_empty() || self.delete.is_some() => {
                return Err(Problem::new(
                    "`exclude` and `delete` say how a directory is filled, and there is no `source`",
                    "name a directory of this machine with `source`, or take them out",
                ));
            }
            None => cx.push(place),
        }
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

/// A directory as it should be.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub id: Id,
    pub path: String,
    pub mode: String,
    pub owner: String,
}

impl Place {
    /// Makes it.
    pub fn make(&self) -> Action {
        Action::Directory {
            path: self.path.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        }
    }

    /// Adds to `change` what mending the one that is there looks like and does; says whether anything is to do.
    pub fn mend(&self, cx: &Context<'_>, fact: &PathFact, change: &mut Change) -> Result<bool, Refusal> {
        let refusal = |cause: String, mend: String| Refusal {
            id: self.id.clone(),
            cause,
            mend,
        };
        let path = &self.path;
        // A link to a directory is that directory.
        let Some(directory) = fact.directory() else {
            let what = standing::what(fact);
            return Err(refusal(
                format!("{path} is {what}, and a directory shall stand there"),
                "move it away, or list it under `absent` in a run before".into(),
            ));
        };
        let details = attributes(directory, &self.mode, &self.owner);
        if details.is_empty() {
            return Ok(false);
        }
        standing::changeable(cx, &self.id, path)?;
        if fact.kind == 'l' {
            let target = &fact.target;
            let user = |fact: &PathFact| fact.owner.split(':').next().unwrap_or_default().to_owned();
            // Else whoever made the link could have any directory of the host given to him.
            if user(fact) != "root" && user(fact) != user(directory) {
                let (his, theirs) = (user(fact), user(directory));
                return Err(refusal(
                    format!(
                        "{path} is a link to {target} that {his} made, and what it leads to is {theirs}'s"
                    ),
                    format!("see whether {target} is meant; name it in place of {path}, or remove the link"),
                ));
            }
            change.details.push(crate::change::Detail::Note(format!(
                "{path} is a link: the directory that it leads to, {target}, is meant"
            )));
        }
        change.details.extend(details);
        change.actions.push(Action::Attributes {
            path: self.path.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        });
        Ok(true)
    }
}

impl Resource for Place {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let (user, group) = self.owner.split_once(':').unwrap_or((&self.owner, ""));
        let mut needs = vec![Ref::User(user.into()), Ref::Group(group.into())];
        needs.extend(parent(&self.path).map(|parent| Ref::Path(parent.to_owned())));
        needs
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let path = &self.path;
        let Some(fact) = cx.facts.path(path) else {
            standing::replaceable(cx, &self.id, path)?;
            let change = Change::new(&self.id, Verb::Create, format!("make directory {path}"));
            let change = change.note(format!("{} {}", self.mode, self.owner));
            return Ok(vec![change.action(self.make())]);
        };
        let mut change = Change::new(&self.id, Verb::Update, format!("set owner and mode of {path}"));
        Ok(match self.mend(cx, fact, &mut change)? {
            true => vec![change],
            false => Vec::new(),
        })
    }
}
