//! What must be known of a host.

use std::collections::{BTreeMap, BTreeSet};

use super::generations;

/// Whether a user or group need not be asked for: root is on every host, and so is a number.
pub(crate) fn is_everywhere(name: &str) -> bool {
    name == "root" || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A hash that no file has, so that it is always read back.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The names of script questions.
pub(super) const LISTENING: &str = "listening";
pub(super) const GENERATIONS: &str = "generations";

/// The sockets, then `@unit PID UNIT` of each process (cgroups(7): of version 2, or of systemd's own hierarchy).
const ASK_LISTENING: &str = r#"sockets=$(ss -ltnpH)
printf '%s\n' "$sockets"
printf '%s\n' "$sockets" | grep -o 'pid=[0-9]*' | sort -u | while IFS== read -r _ pid; do
  sed -n 's,^\(0:\|[0-9]*:name=systemd\):.*/\([^/]*\.\(service\|scope\)\).*,@unit '"$pid"' \2,p' "/proc/$pid/cgroup"
done"#;

/// What must be known of a host. Equal questions are asked once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    pub(super) paths: BTreeSet<String>,
    pub(super) contents: BTreeMap<(String, String), bool>,
    pub(super) listings: BTreeSet<String>,
    pub(super) trees: BTreeMap<String, Vec<String>>,
    pub(super) packages: BTreeSet<String>,
    pub(super) users: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) units: BTreeSet<String>,
    pub(super) scripts: BTreeMap<String, String>,
}

impl Questions {
    /// What stands at `path`: its type, owner, mode and, for a link, its target and what it leads to.
    pub fn path(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
    }

    /// What stands at `path`, and what above it decides whether something may be put there.
    pub fn place(&mut self, path: &str) {
        self.path(path);
        for (at, _) in path.rmatch_indices('/') {
            self.path(&path[..at.max(1)]);
        }
    }

    /// Whether the file at `path` has this SHA-256, and, if `reveal` is set and it is a small file that
    /// differs, what it holds.
    pub fn content(&mut self, path: &str, sha256: &str, reveal: bool) {
        self.place(path);
        let key = (path.to_owned(), sha256.to_owned());
        let shown = self.contents.entry(key).or_insert(reveal);
        *shown &= reveal;
    }

    /// Whether the file is read back where it has none of the asked hashes. A secret may stand in the old file as in
    /// the new one, so then neither is read.
    pub(super) fn shows(&self, (path, sha256): &(String, String)) -> bool {
        let from = (path.clone(), String::new());
        let mut same = self
            .contents
            .range(from..)
            .take_while(|((other, _), _)| other == path);
        let first = same.clone().next().is_some_and(|((_, first), _)| first == sha256);
        first && same.all(|(_, reveal)| *reveal)
    }

    /// What the file at `path` holds, if it is small.
    pub fn text(&mut self, path: &str) {
        self.content(path, NOTHING, true);
    }

    /// Files whose hash the host compares with this one.
    pub(super) fn compared(&self) -> impl Iterator<Item = &(String, String)> {
        self.contents
            .iter()
            .filter(|(_, reveal)| **reveal)
            .map(|(key, _)| key)
    }

    /// Files whose hash the host says: from that of a secret it could be guessed, so it must not stand in a process list.
    pub(super) fn hashed(&self) -> impl Iterator<Item = &str> {
        let hidden = self.contents.iter().filter(|(_, reveal)| !**reveal);
        let paths: BTreeSet<&str> = hidden.map(|((path, _), _)| path.as_str()).collect();
        paths.into_iter()
    }

    /// The names in the directory at `path`, with their times of change.
    pub fn listing(&mut self, path: &str) {
        self.listings.insert(path.to_owned());
    }

    /// All that is in the directory at `path` and below it, but for what is in directories of these names.
    pub fn tree(&mut self, path: &str, not_into: &[String]) {
        self.trees.insert(path.to_owned(), not_into.to_vec());
    }

    /// Whether an apt package is installed or provided by another, in which version, and what dpkg was interrupted in.
    pub fn package(&mut self, name: &str) {
        self.packages.insert(name.to_owned());
    }

    /// Whether a user is there; of a number, who has it.
    pub fn user(&mut self, name: &str) {
        self.users.insert(name.to_owned());
    }

    /// Whether a group is there, and who is in it; of a number, which group has it.
    pub fn group(&mut self, name: &str) {
        self.groups.insert(name.to_owned());
    }

    /// Which processes listen at which TCP ports, and in which units they run.
    pub fn listening(&mut self) {
        self.script(LISTENING, ASK_LISTENING);
    }

    /// What playbooks were applied, this one among them, whose meaning has this hash.
    pub fn generations(&mut self, playbook: &str, digest: &str) {
        self.script(GENERATIONS, generations::script(playbook, digest));
    }

    /// The state of a systemd unit.
    pub fn unit(&mut self, name: &str) {
        self.units.insert(name.to_owned());
    }

    /// What a piece of sh prints. It must change nothing. These run side by side.
    pub fn script(&mut self, name: &str, text: impl Into<String>) {
        self.scripts.insert(name.to_owned(), text.into());
    }
}
