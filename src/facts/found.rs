//! What was found on a host.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::generations::{self, Latest, Remains};
use super::questions::{GENERATIONS, LISTENING};
use crate::change::sha256;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFact {
    /// `f` file, `d` directory, `l` link, or another letter of find's `%y`.
    pub kind: char,
    /// Permission bits, four octal digits.
    pub mode: String,
    /// Owner and group by name, or number where there is no name: `root:root`.
    pub owner: String,
    /// How many names it has (hard links).
    pub names: u32,
    /// Where a link points.
    pub target: String,
    /// What a link leads to in the end; none where it leads nowhere.
    pub behind: Option<Box<PathFact>>,
    /// `i` (immutable) or `a` (append-only) where chattr(1) set it.
    pub fixed: Option<char>,
    /// Whether it has an access list beside its mode.
    pub acl: bool,
}

impl PathFact {
    /// The directory that this is or, as a link, leads to.
    pub fn directory(&self) -> Option<&PathFact> {
        let end = self.behind.as_deref().unwrap_or(self);
        (end.kind == 'd').then_some(end)
    }
}

/// A user as the host knows him.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserFact {
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// His number.
    pub uid: u32,
    /// The number of his primary group.
    pub gid: u32,
    /// His name for people, and what else stands in that field.
    pub comment: String,
    /// Whether he stands in `/etc/passwd`, and not only in a directory service.
    pub local: bool,
}

impl Default for UserFact {
    /// A service's user of the host's own.
    fn default() -> Self {
        Self {
            home: "/nonexistent".into(),
            shell: "/usr/sbin/nologin".into(),
            uid: 999,
            gid: 999,
            comment: String::new(),
            local: true,
        }
    }
}

/// A systemd unit as systemd knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default = "UnitFact::running", deny_unknown_fields)]
pub struct UnitFact {
    /// `loaded`, `not-found`, `masked`.
    pub load: String,
    /// `active`, `inactive`, `failed`.
    pub active: String,
    /// `enabled`, `disabled`, `static`.
    pub file: String,
    /// `running`, `exited`, `auto-restart`.
    pub sub: String,
    /// Whether it is a oneshot that is inactive when it is through.
    pub ends: bool,
    /// How it ended last: `success`.
    pub result: String,
    /// Whether it has been started, as far as systemd remembers.
    pub started: bool,
    /// Whether its files are not those that systemd has read.
    pub needs_reload: bool,
}

impl UnitFact {
    /// A service that runs and starts with the host.
    pub fn running() -> Self {
        Self {
            load: "loaded".into(),
            active: "active".into(),
            file: "enabled".into(),
            sub: "running".into(),
            result: "success".into(),
            started: true,
            ..Self::default()
        }
    }

    /// What systemd says of a unit that it has no file of.
    pub fn unknown() -> Self {
        Self {
            load: "not-found".into(),
            active: "inactive".into(),
            sub: "dead".into(),
            result: "success".into(),
            ..Self::default()
        }
    }

    /// Whether it is active or about to be. One that ended and waits to be tried again is not.
    pub fn runs(&self) -> bool {
        self.is_busy() && !self.sub.starts_with("auto-restart")
    }

    /// Whether there is something to stop.
    pub fn is_busy(&self) -> bool {
        matches!(&*self.active, "active" | "activating" | "reloading")
    }

    /// Whether it is a oneshot that did its work. systemd forgets units that nothing refers to: `remembered` says
    /// that we have started it.
    pub fn went_through(&self, remembered: bool) -> bool {
        let ended_well = self.active == "inactive" && self.result == "success";
        self.ends && ended_well && (self.started || remembered)
    }
}

/// The host as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct System {
    /// `uname -m`.
    pub machine: String,
    /// The distribution's name and version for people.
    pub release: String,
    /// The user the probe ran as.
    pub uid: String,
    /// sshd's `SSH_CONNECTION`: client address and port, server address and port.
    pub ssh_connection: String,
    /// The id of a run that is going on, if one is.
    pub busy: Option<String>,
    /// What that run says of itself, as JSON.
    pub doing: String,
    /// What the host lacks to be managed at all.
    pub lacks: Vec<String>,
}

/// Everything a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The host as a whole.
    pub system: System,
    pub(super) paths: HashMap<String, PathFact>,
    pub(super) mounts: HashMap<(String, String), String>,
    pub(super) matches: HashSet<(String, String)>,
    pub(super) contents: HashMap<String, Vec<u8>>,
    pub(super) listings: HashMap<String, Vec<String>>,
    pub(super) trees: HashMap<String, Vec<(char, String)>>,
    pub(super) packages: HashMap<String, String>,
    pub(super) unfinished: Option<Vec<String>>,
    pub(super) users: HashMap<String, UserFact>,
    pub(super) groups: HashMap<String, Vec<String>>,
    pub(super) gids: HashMap<String, u32>,
    pub(super) units: HashMap<String, UnitFact>,
    pub(super) loaded: HashMap<String, String>,
    pub(super) scripts: HashMap<String, String>,
}

impl Facts {
    /// What stands at `path`, if anything.
    pub fn path(&self, path: &str) -> Option<&PathFact> {
        self.paths.get(path)
    }

    /// Whether something is mounted at `path` itself.
    pub fn is_mount_point(&self, path: &str) -> bool {
        self.mount("at", path).is_some()
    }

    /// The read-only mount on which `path` stands, or would stand.
    pub fn read_only(&self, path: &str) -> Option<&str> {
        let above = path.rmatch_indices('/').map(|(at, _)| &path[..at.max(1)]);
        let there = std::iter::once(path)
            .chain(above)
            .find(|path| self.paths.contains_key(*path))?;
        self.mount("ro", there)
    }

    /// Something that is mounted below `path`.
    pub fn mounted_below(&self, path: &str) -> Option<&str> {
        self.mount("below", path)
    }

    fn mount(&self, how: &str, path: &str) -> Option<&str> {
        let key = (how.to_owned(), path.to_owned());
        self.mounts.get(&key).map(String::as_str)
    }

    /// Whether the file at `path` has this SHA-256.
    pub fn has_content(&self, path: &str, sha256: &str) -> bool {
        self.matches.contains(&(path.to_owned(), sha256.to_owned()))
    }

    /// What the file at `path` holds, where it was asked for, differs and is small.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.contents.get(path).map(Vec::as_slice)
    }

    /// The names in a directory, the newest first.
    pub fn listing(&self, path: &str) -> &[String] {
        self.listings.get(path).map_or(&[], Vec::as_slice)
    }

    /// What is in a directory and below it: its type (as [`PathFact::kind`]) and its path from there.
    pub fn tree(&self, path: &str) -> &[(char, String)] {
        self.trees.get(path).map_or(&[], Vec::as_slice)
    }

    /// The packages that dpkg did not get done with, if it was interrupted; only its journal may tell of that.
    pub fn unfinished(&self) -> Option<&[String]> {
        self.unfinished.as_deref()
    }

    /// The installed version of a package, or of the one that provides it.
    pub fn package(&self, name: &str) -> Option<&str> {
        self.packages.get(name).map(String::as_str)
    }

    /// A user.
    pub fn user(&self, name: &str) -> Option<&UserFact> {
        self.users.get(name)
    }

    /// Who has a number, if that was asked for.
    pub fn user_of(&self, uid: u32) -> Option<&str> {
        let mut users = self.users.iter();
        users.find_map(|(name, user)| (user.uid == uid).then_some(name.as_str()))
    }

    /// The number of a group.
    pub fn gid(&self, group: &str) -> Option<u32> {
        self.gids.get(group).copied()
    }

    /// Which group has a number, if that was asked for.
    pub fn group_of(&self, gid: u32) -> Option<&str> {
        let mut groups = self.gids.iter();
        groups.find_map(|(name, number)| (*number == gid).then_some(name.as_str()))
    }

    /// The members that `/etc/group` names for a group.
    pub fn group(&self, name: &str) -> Option<&[String]> {
        self.groups.get(name).map(Vec::as_slice)
    }

    /// A unit; one that was not asked for counts as not found.
    pub fn unit(&self, name: &str) -> UnitFact {
        self.units.get(name).cloned().unwrap_or_default()
    }

    /// The hash of what a daemon last loaded under `name`.
    pub fn loaded(&self, name: &str) -> Option<&str> {
        self.loaded.get(name).map(String::as_str)
    }

    /// All that the host remembers to have been loaded: names and hashes.
    pub fn all_loaded(&self) -> impl Iterator<Item = (&str, &str)> {
        self.loaded
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The sockets that listen, as `ss -ltnpH` prints them, and the units of their processes: `@unit PID UNIT`.
    pub fn listening(&self) -> &str {
        self.output(LISTENING)
    }

    /// A hash of all that was found, but for what tells nothing of the host: the connection that asked, and a run
    /// that was going on.
    pub fn fingerprint(&self) -> String {
        let system = System {
            ssh_connection: String::new(),
            busy: None,
            doing: String::new(),
            ..self.system.clone()
        };
        let mut lines = vec![format!("{system:?} {:?}", self.unfinished)];
        lines.extend(self.paths.iter().map(|fact| format!("path {fact:?}")));
        lines.extend(self.mounts.iter().map(|fact| format!("mount {fact:?}")));
        lines.extend(self.matches.iter().map(|fact| format!("match {fact:?}")));
        lines.extend(self.contents.iter().map(|fact| format!("content {fact:?}")));
        lines.extend(self.listings.iter().map(|fact| format!("listing {fact:?}")));
        lines.extend(self.trees.iter().map(|fact| format!("tree {fact:?}")));
        lines.extend(self.packages.iter().map(|fact| format!("package {fact:?}")));
        lines.extend(self.users.iter().map(|fact| format!("user {fact:?}")));
        lines.extend(self.groups.iter().map(|fact| format!("group {fact:?}")));
        lines.extend(self.gids.iter().map(|fact| format!("gid {fact:?}")));
        lines.extend(self.units.iter().map(|fact| format!("unit {fact:?}")));
        lines.extend(self.loaded.iter().map(|fact| format!("loaded {fact:?}")));
        lines.extend(self.scripts.iter().map(|fact| format!("script {fact:?}")));
        lines.sort_unstable();
        sha256(lines.join("\n").as_bytes())
    }

    /// The newest generation of each playbook that was applied.
    pub fn generations(&self) -> Vec<Latest> {
        generations::read(self.output(GENERATIONS))
    }

    /// What this playbook made on the host, unless it means what it meant when it was applied last.
    pub fn made(&self) -> Remains {
        generations::made(self.output(GENERATIONS))
    }

    /// What of these is not on the host yet: whoever brings it has made it. Rules are the firewall's to know.
    pub fn missing(&self, mut remains: Remains) -> Remains {
        let is_missing = |path: &String| self.path(path).is_none();
        remains.paths.retain(is_missing);
        remains.secrets.retain(is_missing);
        remains.directories.retain(is_missing);
        remains.folders.retain(is_missing);
        remains.users.retain(|user| self.user(user).is_none());
        remains.groups.retain(|group| self.group(group).is_none());
        remains.units.retain(|unit| {
            let fact = self.unit(unit);
            !fact.is_busy() && !fact.file.starts_with("enabled")
        });
        // What is in the way of a site, say, is there before it is switched off.
        remains.displaced.retain(|path, _| !is_missing(path));
        remains
    }

    /// What a script question printed.
    pub fn output(&self, name: &str) -> &str {
        self.scripts.get(name).map_or("", String::as_str)
    }
}
