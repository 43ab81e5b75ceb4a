//! What the host remembers of the playbooks that were applied to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::Id;
use crate::edit::Made;
use crate::shell;

/// The newest generation of a playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The playbook's name.
    pub playbook: String,
    /// The generation's number, from 1.
    pub number: u32,
    /// A hash of what the playbook meant.
    pub digest: String,
    /// What it declared; nothing where it is what is wanted now.
    pub declared: Vec<Declared>,
}

/// What a generation remembers of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The resource.
    pub id: Id,
    /// What of it is taken away when the playbook no longer declares it.
    #[serde(default)]
    pub remains: Remains,
}

/// What a resource leaves on a host that is its own, and goes when no playbook declares it any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remains {
    /// Files and links.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<String>,
    /// Those of them that hold a secret.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// Files and links that stood where others were put, and directories that had another owner or mode: all come back.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub replaced: BTreeSet<String>,
    /// Directories, which go when they are empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub directories: BTreeSet<String>,
    /// Directories that go with all that is in them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub folders: BTreeSet<String>,
    /// systemd units, which are stopped and disabled.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// Users, whose homes stay.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<String>,
    /// Groups.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// Rules of ufw's, as ufw is told them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<String>,
    /// Links that stood where something was switched off, and what they lead to: they are put back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub displaced: BTreeMap<String, String>,
    /// What was made of files of others, by what declares it: it is taken back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, Made>,
    /// What is more than files, by kind and name, and how it was before: it comes back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Remains {
    /// Adds those of another resource.
    pub fn extend(&mut self, other: Self) {
        self.paths.extend(other.paths);
        self.secrets.extend(other.secrets);
        self.replaced.extend(other.replaced);
        self.directories.extend(other.directories);
        self.folders.extend(other.folders);
        self.units.extend(other.units);
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.rules.extend(other.rules);
        self.displaced.extend(other.displaced);
        self.edits.extend(other.edits);
        self.settings.extend(other.settings);
    }

    /// What is left of it without what `other` has.
    pub fn without(mut self, other: &Self) -> Self {
        self.paths.retain(|path| !other.paths.contains(path));
        self.secrets.retain(|path| !other.paths.contains(path));
        self.replaced.retain(|path| !other.has_place(path));
        self.directories.retain(|path| !other.directories.contains(path));
        self.folders.retain(|path| !other.folders.contains(path));
        self.units.retain(|unit| !other.units.contains(unit));
        self.users.retain(|user| !other.users.contains(user));
        self.groups.retain(|group| !other.groups.contains(group));
        self.rules.retain(|rule| !other.rules.contains(rule));
        self.displaced
            .retain(|path, _| !other.displaced.contains_key(path));
        self.edits.retain(|key, _| !other.edits.contains_key(key));
        self.settings.retain(|name, _| !other.settings.contains_key(name));
        self
    }

    /// What of it `other` has, too.
    pub fn within(mut self, other: &Self) -> Self {
        self.paths.retain(|path| other.paths.contains(path));
        self.secrets.retain(|path| other.paths.contains(path));
        self.replaced.retain(|path| other.has_place(path));
        self.directories.retain(|path| other.directories.contains(path));
        self.folders.retain(|path| other.folders.contains(path));
        self.units.retain(|unit| other.units.contains(unit));
        self.users.retain(|user| other.users.contains(user));
        self.groups.retain(|group| other.groups.contains(group));
        self.rules.retain(|rule| other.rules.contains(rule));
        self.displaced
            .retain(|path, _| other.displaced.contains_key(path));
        self.edits.retain(|key, _| other.edits.contains_key(key));
        self.settings.retain(|name, _| other.settings.contains_key(name));
        self
    }

    /// Whether a file, link or directory of it stands at `path`.
    pub fn has_place(&self, path: &str) -> bool {
        [&self.paths, &self.directories, &self.folders]
            .iter()
            .any(|places| places.contains(path))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The question, for `playbook`, whose meaning has this hash.
pub(super) fn script(playbook: &str, digest: &str) -> String {
    let (name, digest) = (shell::quote(playbook), shell::quote(digest));
    format!("name={name} wanted={digest}\n{}", include_str!("generations.sh"))
}

/// What does `then` only where the newest generation of a playbook has the meaning of this hash. It wants `$base`.
pub fn where_applied(playbook: &str, digest: &str, then: &str) -> String {
    let (name, digest) = (shell::quote(playbook), shell::quote(digest));
    format!(
        "name={name} wanted={digest}\n{}{then}",
        include_str!("where_applied.sh")
    )
}

/// What the playbook made on the host.
pub(super) fn made(text: &str) -> Remains {
    let line = text.lines().find_map(|line| line.strip_prefix('!'));
    line.and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_default()
}

/// Reads the answer. Lines that are none are passed over.
pub(super) fn read(text: &str) -> Vec<Latest> {
    let mut all: Vec<Latest> = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('@') {
            let words: Vec<&str> = header.split(' ').collect();
            if let [playbook, number, digest] = words[..]
                && let Ok(number) = number.parse()
            {
                all.push(Latest {
                    playbook: playbook.to_owned(),
                    number,
                    digest: digest.to_owned(),
                    declared: Vec::new(),
                });
            }
        } else if let (Some(latest), Ok(declared)) = (all.last_mut(), serde_json::from_str(line)) {
            latest.declared.push(declared);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_declared_is_read_playbook_by_playbook() {
        let text = "@base 3 aa\n{\"id\":\"file./etc/motd\",\"remains\":{\"paths\":[\"/etc/motd\"]}}\nnoise\n@app 1 bb\n";
        let all = read(text);
        assert_eq!((all.len(), all[0].number, &*all[1].digest), (2, 3, "bb"));
        assert_eq!(all[0].declared[0].id.as_str(), "file./etc/motd");
        assert!(all[0].declared[0].remains.paths.contains("/etc/motd"));
        assert!(all[1].declared.is_empty());
    }

    proptest! {
        #[test]
        fn any_answer_is_read(text in "(@[a ]{0,3}[0-9]{0,12} ?|\\{\"id\":|\\PC{0,9}|\n){0,9}") {
            let _ = read(&text);
        }
    }
}
