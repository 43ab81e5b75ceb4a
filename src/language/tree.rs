//! A directory of this machine, read so that a host can have the same.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::{DirEntry, WalkBuilder};

use super::problem::Problem;
use super::scalar::Line;
use crate::change::Content;

/// What a directory holds, by path relative to it, each directory before what is in it.
pub type Tree = BTreeMap<String, Node>;

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// What it holds.
        content: Content,
        /// Whether its owner may run it.
        executable: bool,
    },
    /// A symbolic link, and where it points.
    Link(String),
}

/// Paths that are none of a tree's, in the patterns of a `.gitignore`.
#[derive(Clone, Debug)]
pub struct Exclude {
    patterns: Gitignore,
    names: Vec<String>,
}

impl Exclude {
    /// Reads the patterns.
    ///
    /// # Errors
    /// Which one is none.
    pub fn new(patterns: &[Line]) -> Result<Self, Problem> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            builder.add_line(None, &pattern.0).map_err(|error| {
                Problem::new(
                    format!("`{}` is not a pattern: {error}", pattern.0),
                    "write it as in a .gitignore: `*.map`, `/cache/`, `docs/**/*.tmp`",
                )
            })?;
        }
        let built = builder.build();
        let patterns_built = built.map_err(|error| Problem::new(error.to_string(), "take a pattern out"))?;
        let plain = |name: &&str| !name.contains(['/', '*', '?', '[', '\\', '#']);
        let any_back = patterns.iter().any(|pattern| pattern.0.starts_with('!'));
        let names = patterns.iter().map(|pattern| pattern.0.trim_end_matches('/'));
        Ok(Self {
            patterns: patterns_built,
            names: if any_back {
                Vec::new()
            } else {
                names.filter(plain).map(str::to_owned).collect()
            },
        })
    }

    /// Whether the path, relative to the tree, or a directory above it is excluded.
    pub fn covers(&self, path: &str, is_directory: bool) -> bool {
        let above = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        above
            .chain([(path, is_directory)])
            .any(|(path, is_directory)| self.patterns.matched(path, is_directory).is_ignore())
    }

    /// Names of directories that are excluded wherever they stand: nobody need look into them.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// A tree is held in memory, and a host rarely needs more; `source: .` by mistake would be a whole disk.
const MOST: u64 = 1 << 30;

/// Reads a directory, but for what is excluded.
///
/// # Errors
/// What could not be read, or is nothing that a host could have.
pub fn read(directory: &Path, exclude: &Exclude) -> Result<Tree, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Problem::new(
            format!("{} cannot be read: {error}", directory.display()),
            "`source` names a directory, relative to the playbook",
        )
    };
    if !directory.metadata().map_err(|error| unreadable(&error))?.is_dir() {
        return Err(unreadable(&"it is not a directory"));
    }
    let (root, excluded) = (directory.to_path_buf(), exclude.clone());
    let walk = WalkBuilder::new(directory)
        .standard_filters(false)
        .filter_entry(move |entry| match relative(&root, entry) {
            Some(path) => path.is_empty() || !excluded.covers(path, is_directory(entry)),
            None => true,
        })
        .build();
    let mut tree = Tree::new();
    let mut size = 0;
    for entry in walk {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let path =
            relative(directory, &entry).filter(|path| !path.contains(|c: char| c.is_control() || c == '\\'));
        let Some(path) = path else {
            return Err(Problem::new(
                format!("{:?} has a name that cannot travel", entry.path()),
                "rename it (UTF-8 without control characters and `\\`), or exclude it",
            ));
        };
        if path.is_empty() {
            continue;
        }
        let metadata = entry.metadata().map_err(|error| unreadable(&error))?;
        size += metadata.len();
        if size > MOST {
            return Err(Problem::new(
                format!("{} holds more than 1 GiB", directory.display()),
                "exclude what the host does not need",
            ));
        }
        let node = node(entry.path(), &metadata).map_err(|error| unreadable(&error))?;
        let Some(node) = node else {
            return Err(Problem::new(
                format!("{} is no file, directory or link", entry.path().display()),
                "exclude it",
            ));
        };
        tree.insert(path.to_owned(), node);
    }
    Ok(tree)
}

/// What stands at `path`: a directory as [`read`] has it, or a file, whose own path in it is empty.
///
/// # Errors
/// What could not be read, or is nothing that a host could have.
pub fn read_asset(path: &Path) -> Result<Tree, Problem> {
    let unreadable = |error| {
        Problem::new(
            format!("{} cannot be read: {error}", path.display()),
            "`assets` names files and directories, relative to the playbook",
        )
    };
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return read(path, &Exclude::new(&[])?);
    }
    let node = node(path, &metadata).map_err(unreadable)?;
    Ok(node.into_iter().map(|node| (String::new(), node)).collect())
}

fn relative<'a>(root: &Path, entry: &'a DirEntry) -> Option<&'a str> {
    entry.path().strip_prefix(root).ok()?.to_str()
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn node(path: &Path, metadata: &std::fs::Metadata) -> std::io::Result<Option<Node>> {
    Ok(if metadata.is_dir() {
        Some(Node::Directory)
    } else if metadata.is_symlink() {
        std::fs::read_link(path)?
            .to_str()
            .map(|target| Node::Link(target.to_owned()))
    } else if metadata.is_file() {
        Some(Node::File {
            content: Content::new(std::fs::read(path)?, false),
            executable: metadata.permissions().mode() & 0o100 != 0,
        })
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclude(patterns: &[&str]) -> Exclude {
        let lines: Vec<Line> = patterns
            .iter()
            .map(|text| text.parse().expect("a line"))
            .collect();
        Exclude::new(&lines).expect("patterns")
    }

    #[test]
    fn patterns_mean_what_they_mean_in_a_gitignore() {
        let exclude = exclude(&["*.map", "/cache/", ".git", "docs/**/*.tmp", "!keep.map"]);
        let covered = |path| exclude.covers(path, false);
        assert!(
            covered("a/b.map") && covered("cache/x") && covered("a/.git/config") && covered("docs/a/b.tmp")
        );
        assert!(!covered("a/cache/x") && !covered("cache") && !covered("keep.map") && !covered("b.mapped"));
        assert!(exclude.covers("cache", true));
    }

    #[test]
    fn only_names_that_hold_everywhere_are_not_looked_into() {
        assert_eq!(
            exclude(&["node_modules/", "*.map", "/top", "a/b", ".git"]).names(),
            ["node_modules", ".git"]
        );
        assert!(
            exclude(&["node_modules/", "!node_modules/mine"])
                .names()
                .is_empty()
        );
    }

    #[test]
    fn a_directory_is_read_whole_but_for_what_is_excluded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("empty")).expect("made");
        std::fs::create_dir_all(path(".hidden/deep")).expect("made");
        std::fs::create_dir_all(path("node_modules/x")).expect("made");
        std::fs::write(path(".hidden/deep/tool"), "#!/bin/sh").expect("written");
        std::fs::set_permissions(path(".hidden/deep/tool"), PermissionsExt::from_mode(0o700)).expect("set");
        std::fs::write(path("a.map"), "").expect("written");
        std::os::unix::fs::symlink(".hidden/deep", path("link")).expect("made");
        let tree = read(folder.path(), &exclude(&["node_modules/", "*.map"])).expect("read");
        let tool = Node::File {
            content: Content::new(b"#!/bin/sh".to_vec(), false),
            executable: true,
        };
        let wanted = [
            (".hidden", Node::Directory),
            (".hidden/deep", Node::Directory),
            (".hidden/deep/tool", tool),
            ("empty", Node::Directory),
            ("link", Node::Link(".hidden/deep".into())),
        ];
        assert_eq!(tree, wanted.map(|(path, node)| (path.to_owned(), node)).into());
    }
}
