//! What is told of a daemon.

/// A daemon and what it reads.
#[derive(Debug)]
pub struct Daemon {
    /// Its name, for people and in its sh.
    pub name: &'static str,
    /// The package that brings it.
    pub package: &'static str,
    /// Files that it reads.
    pub(super) files: &'static [&'static str],
    /// Directories in which it reads.
    pub(super) folders: &'static [&'static str],
    /// Which files it reads there, by their paths below the folder.
    pub(super) names: fn(&str) -> bool,
    /// Why it passes over the others, where they can be nothing but a mistake.
    pub(super) rule: &'static str,
    /// What letting it load is called: `reload nginx`.
    pub verb: &'static str,
    /// What it does, in a plan.
    pub note: &'static str,
    /// Its sh.
    pub sh: &'static str,
    /// Whether it can check a file before it is live.
    pub checks: bool,
    /// Whether nobody might get in any more.
    pub lets_in: bool,
}

impl Daemon {
    /// Whether it reads the file at `path`.
    pub fn reads(&self, path: &str) -> bool {
        let below = |folder: &&str| path.strip_prefix(*folder)?.strip_prefix('/');
        self.files.contains(&path) || self.folders.iter().filter_map(below).any(self.names)
    }

    /// Why it passes over the file at `path`, where that can be nothing but a mistake.
    pub fn passes_over(&self, path: &str) -> Option<&'static str> {
        let name = self
            .folders
            .iter()
            .find_map(|folder| path.strip_prefix(folder)?.strip_prefix('/'))?;
        let wrong = !name.starts_with(['.', '/']) && !name.starts_with("README") && !(self.names)(name);
        (wrong && !self.rule.is_empty()).then_some(self.rule)
    }

    /// Whether what it reads stands at `path` or below it.
    pub fn reads_below(&self, path: &str) -> bool {
        let below = |root: &&str| {
            let rest = root.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.reads(path) || self.files.iter().chain(self.folders).any(below)
    }
}
