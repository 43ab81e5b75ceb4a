//! Where the files that a playbook names come from. Each is read once, however often a playbook is rendered, and
//! what was read is noted: a playbook can be rendered again from the notes alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::problem::Problem;
use super::scalar::Line;
use super::template;
use super::tree::{self, Exclude, Tree};
use crate::change::Content;

/// A directory's path, and the patterns of what is excluded.
pub type Asked = (String, Vec<String>);

/// What was read, by the paths that the playbook gives.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Files, and what stands at URLs.
    pub files: BTreeMap<String, Content>,
    /// Templates that ship with the program, by name.
    pub shipped: BTreeMap<String, Content>,
    /// Playbooks that are included.
    pub playbooks: BTreeMap<String, String>,
    /// Directories, each with the patterns of what is none of it.
    pub trees: BTreeMap<Asked, Rc<Tree>>,
}

/// A directory of this machine, or what was read of one before.
#[derive(Debug)]
pub struct Source {
    directory: PathBuf,
    /// Whether only what has been noted is there.
    closed: bool,
    read: RefCell<Read>,
    /// URLs of which rendering must know what stands there.
    wanted: RefCell<BTreeSet<String>>,
}

impl Source {
    /// Files whose paths start from `directory`.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
            closed: false,
            read: RefCell::default(),
            wanted: RefCell::default(),
        }
    }

    /// Files that were read when paths started from `directory`.
    pub fn noted(directory: &Path, read: Read) -> Self {
        Self {
            directory: directory.to_path_buf(),
            closed: true,
            read: RefCell::new(read),
            wanted: RefCell::default(),
        }
    }

    /// What has been read.
    pub fn read(&self) -> Read {
        self.read.borrow().clone()
    }

    /// Where paths start from.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the file at `path` is on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Whether cargo finds a package in the directory at `path`. What was built from it before is there in any case.
    pub fn has_package(&self, path: &str) -> bool {
        self.closed || self.path(path).join("Cargo.toml").is_file()
    }

    /// What the file at `path` holds.
    ///
    /// # Errors
    /// That of the file system, or that it has not been noted.
    pub fn file(&self, path: &str) -> io::Result<Content> {
        if let Some(content) = self.read.borrow().files.get(path) {
            return Ok(content.clone());
        }
        if self.closed {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was not kept"));
        }
        let content = Content::new(std::fs::read(self.path(path))?, false);
        self.read
            .borrow_mut()
            .files
            .insert(path.to_owned(), content.clone());
        Ok(content)
    }

    /// What stands at a URL; none where it must be fetched first.
    ///
    /// # Errors
    /// That it has not been noted, where only what has been is there.
    pub fn fetched(&self, url: &str) -> io::Result<Option<Content>> {
        if let Some(content) = self.read.borrow().files.get(url) {
            return Ok(Some(content.clone()));
        }
        if self.closed {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was not kept"));
        }
        self.wanted.borrow_mut().insert(url.to_owned());
        Ok(None)
    }

    /// The URLs that must be fetched.
    pub fn wanted(&self) -> Vec<String> {
        self.wanted.borrow().iter().cloned().collect()
    }

    /// Notes what stands at a URL.
    pub fn note(&self, url: &str, content: Content) {
        self.wanted.borrow_mut().remove(url);
        self.read.borrow_mut().files.insert(url.to_owned(), content);
    }

    /// The text that the file at `path` holds.
    ///
    /// # Errors
    /// That of the file system, or that it is not UTF-8.
    pub fn text(&self, path: &str) -> io::Result<String> {
        String::from_utf8(self.file(path)?.bytes.to_vec())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
    }

    /// The text of the playbook at `path`, which another one includes.
    ///
    /// # Errors
    /// That of the file system, that it is not UTF-8, or that it has not been noted.
    pub fn playbook(&self, path: &str) -> io::Result<String> {
        if let Some(text) = self.read.borrow().playbooks.get(path) {
            return Ok(text.clone());
        }
        if self.closed {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was not kept"));
        }
        let text = std::fs::read_to_string(self.path(path))?;
        let mut read = self.read.borrow_mut();
        read.playbooks.insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// The text of a template that ships with the program.
    pub fn shipped(&self, name: &str) -> Option<String> {
        if let Some(content) = self.read.borrow().shipped.get(name) {
            return String::from_utf8(content.bytes.to_vec()).ok();
        }
        let text = template::shipped(name)?;
        let content = Content::new(text.as_bytes(), false);
        self.read.borrow_mut().shipped.insert(name.to_owned(), content);
        Some(text.to_owned())
    }

    /// What the directory at `path` holds, but for what the patterns exclude.
    ///
    /// # Errors
    /// What could not be read, or is nothing that a host could have; or which pattern is none.
    pub fn tree(&self, path: &str, patterns: &[Line]) -> Result<Rc<Tree>, Problem> {
        let excluded = patterns.iter().map(|pattern| pattern.0.clone());
        let key = (path.to_owned(), excluded.collect());
        if let Some(tree) = self.read.borrow().trees.get(&key) {
            return Ok(Rc::clone(tree));
        }
        let exclude = Exclude::new(patterns)?;
        if self.closed {
            let message = format!("{} was not kept", self.path(path).display());
            return Err(Problem::new(message, "apply the playbook from its own directory"));
        }
        let tree = Rc::new(tree::read(&self.path(path), &exclude)?);
        self.read.borrow_mut().trees.insert(key, Rc::clone(&tree));
        Ok(tree)
    }
}
