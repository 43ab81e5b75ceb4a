//! Directories.

use schemars::JsonSchema;
use serde::Deserialize;

use super::absent::NEVER;
use crate::change::Id;
use crate::language::scalar::{Flag, Line, LocalPath, Mode, Name, optional};
use crate::language::tree::{Exclude, Node};
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{What, stands};
use crate::managed::file::{ManagedFile, owner};
use crate::managed::place::Place;
use crate::managed::tree::{Item, Tree};
use crate::path::resolve;

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
}

/// A directory that has been read: its path, and what shall be in it.
struct Filled(String, Vec<Item>);

impl Directory {
    fn place(&self, path: &str) -> Place {
        Place {
            id: Id::new("directory", path),
            path: path.to_owned(),
            mode: self.mode.as_ref().map_or("0755", |mode| &mode.0).to_owned(),
            owner: owner(&self.owner, &self.group),
        }
    }

    /// What its source puts below `path`.
    fn items(&self, source: &LocalPath, path: &str, cx: &Render<'_>) -> Result<Vec<Item>, Problem> {
        let top = self.place(path);
        let nodes = cx.local_tree(&source.0, &self.exclude)?;
        let item = |(name, node): (&String, &Node)| {
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            match node {
                Node::Directory => Item::Directory(Place { path, ..top.clone() }),
                Node::Link(target) => Item::Link {
                    path,
                    target: target.clone(),
                },
                Node::File { content, executable } => {
                    let mut file = ManagedFile::new(path, cx.tainted(content.clone()));
                    file.owner.clone_from(&top.owner);
                    if *executable {
                        file.mode = if file.content.secret { "0700" } else { "0755" }.into();
                    }
                    Item::File(file)
                }
            }
        };
        Ok(nodes.iter().map(item).collect())
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
        let read = cx.announced::<Filled>().find(|filled| filled.0 == top.path);
        let items = match read {
            Some(filled) => filled.1.clone(),
            None => self.items(source, &top.path, cx)?,
        };
        Ok(Tree {
            id: top.id.clone(),
            items,
            top,
            exclude: Exclude::new(&self.exclude)?,
            delete,
        })
    }
}

impl Declaration for Directory {
    fn announce(&self, path: &str, cx: &mut Render<'_>) {
        stands(cx, path, What::Directory);
        let read = |source| self.items(source, path, cx).ok();
        let Some(items) = self.source.as_ref().and_then(read) else {
            return;
        };
        for item in &items {
            let what = match item {
                Item::Directory(_) => continue,
                Item::File(file) => What::File(Some(file.content.clone())),
                Item::Link { path, target } => What::Link(resolve(path, target)),
            };
            stands(cx, item.path(), what);
        }
        cx.announce(Filled(path.to_owned(), items));
    }

    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let place = self.place(path);
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
}
