//! Where the files that a playbook names come from. Each is read once, however often a playbook is rendered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::problem::Problem;
use super::scalar::Line;
use super::tree::{self, Exclude, Tree};
use crate::change::Content;

/// A directory's path, and the patterns of what is excluded.
type Asked = (String, Vec<String>);

/// A directory of this machine, and what was read of it.
#[derive(Debug)]
pub struct Source {
    directory: PathBuf,
    files: RefCell<BTreeMap<String, Content>>,
    trees: RefCell<BTreeMap<Asked, Rc<Tree>>>,
}

impl Source {
    /// Files whose paths start from `directory`.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
            files: RefCell::default(),
            trees: RefCell::default(),
        }
    }

    /// Where paths start from.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the file at `path` is on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Whether a file is there.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).is_file()
    }

    /// What the file at `path` holds.
    ///
    /// # Errors
    /// That of the file system.
    pub fn file(&self, path: &str) -> io::Result<Content> {
        if let Some(content) = self.files.borrow().get(path) {
            return Ok(content.clone());
        }
        let content = Content::new(std::fs::read(self.path(path))?, false);
        self.files.borrow_mut().insert(path.to_owned(), content.clone());
        Ok(content)
    }

    /// The text that the file at `path` holds.
    ///
    /// # Errors
    /// That of the file system, or that it is not UTF-8.
    pub fn text(&self, path: &str) -> io::Result<String> {
        String::from_utf8(self.file(path)?.bytes.to_vec())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
    }

    /// What the directory at `path` holds, but for what the patterns exclude.
    ///
    /// # Errors
    /// What could not be read, or is nothing that a host could have; or which pattern is none.
    pub fn tree(&self, path: &str, patterns: &[Line]) -> Result<Rc<Tree>, Problem> {
        let excluded = patterns.iter().map(|pattern| pattern.0.clone());
        let key = (path.to_owned(), excluded.collect());
        if let Some(tree) = self.trees.borrow().get(&key) {
            return Ok(Rc::clone(tree));
        }
        let tree = Rc::new(tree::read(&self.path(path), &Exclude::new(patterns)?)?);
        self.trees.borrow_mut().insert(key, Rc::clone(&tree));
        Ok(tree)
    }
}
