//! The files that a playbook is made of, and what each may name.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::error::PlaybookError;
use super::expanded::{Expanded, File};
use super::placed::Placed;
use super::problem::Problem;
use super::scope::Scope;
use super::source::Source;
use crate::secret::Secrets;

/// What rendering knows of a playbook beside its declarations.
#[derive(Debug)]
pub struct Document {
    /// The playbook's name.
    pub name: String,
    /// Its files, for messages: the playbook's own first, then those that are included.
    pub files: Vec<File>,
    /// What each of the files may name, in the same order.
    pub parts: Vec<Part>,
    /// What was read of them all in the end.
    pub expanded: Expanded,
    /// Where the files that it names are.
    pub source: Source,
    /// What must never be shown.
    pub secrets: Secrets,
    /// The keys that lead to what was left out because it is wrong.
    pub left_out: Vec<Vec<String>>,
}

/// One of a playbook's files.
#[derive(Debug, Default)]
pub struct Part {
    /// Its folder, from that of the playbook on; empty for that one itself.
    pub folder: String,
    /// Its vars and secrets.
    pub scope: Rc<Scope>,
    /// Where each var is declared, for remarks: its name and line.
    pub vars: Vec<(String, usize)>,
    /// Whether entries of it are not there (`when`), whose vars nobody uses now.
    pub left_out: bool,
}

impl Part {
    /// A path that the file names, from the playbook's folder on.
    pub fn local(&self, path: &str) -> String {
        match self.folder.as_str() {
            "" => path.to_owned(),
            folder => tidy(&Path::new(folder).join(path)).display().to_string(),
        }
    }
}

impl Document {
    /// The playbook's own file.
    pub fn file(&self) -> &File {
        const NONE: &File = &File {
            name: String::new(),
            text: String::new(),
        };
        self.files.first().unwrap_or(NONE)
    }

    /// A problem at its place: that of the declaration, unless it has its own.
    pub fn error<T>(&self, problem: Problem, placed: &Placed<T>) -> PlaybookError {
        let (message, help) = match problem {
            Problem::There(error) => return *error,
            Problem::Here { message, help } => (message, help),
            Problem::Missing { message, help } => (message, Some(help)),
        };
        let error = self
            .expanded
            .error(&self.files, placed.line, placed.column, message);
        error.with_help(help)
    }
}

/// A path without `.` and without `..` where that leads back.
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            component => tidy.push(component),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_from_the_file_that_names_it() {
        let part = |folder: &str| Part {
            folder: folder.into(),
            ..Part::default()
        };
        assert_eq!(part("").local("./a/../b"), "./a/../b");
        assert_eq!(part("web").local("../a/./b"), "a/b");
        assert_eq!(part("../web").local("../../a"), "../../a");
        assert_eq!(part("web").local("/etc/a"), "/etc/a");
    }
}
