//! A playbook's whole meaning: its text, the values that were given, and all that rendering read, by hash. It is made
//! by rendering, and a playbook can be rendered again from it. Secrets stand in it by name only.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::change::{Content, sha256};
use crate::language::document::Document;
use crate::language::render::Artifacts;
use crate::language::source::Read;
use crate::language::tree::{Node, Tree};
use crate::secret::Secrets;

/// The bundle. Its contents stand elsewhere, by their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The playbook's name.
    pub name: String,
    /// The file's name as it was given.
    pub file: String,
    /// Where its relative paths started from.
    pub directory: String,
    /// The file's text.
    pub text: String,
    /// The texts of the playbooks that it includes, by their paths from its own folder on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub included: BTreeMap<String, String>,
    /// Values that vars were given in place of their own.
    pub vars: Vec<(String, Option<String>)>,
    /// Files, by the paths that the playbook gives.
    pub files: BTreeMap<String, Kept>,
    /// Templates that shipped with the program.
    pub shipped: BTreeMap<String, Kept>,
    /// Directories.
    pub trees: Vec<KeptTree>,
    /// Binaries, by the names of their entries.
    pub artifacts: BTreeMap<String, Kept>,
    /// The revisions that binaries were built from: git's full hashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
}

/// A content that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its SHA-256, in hex.
    #[serde(deserialize_with = "hash")]
    pub sha256: String,
    /// How many bytes it has.
    pub size: u64,
}

/// The hash that names a content, of a host's or anybody's.
fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    match text.len() == 64 && text.bytes().all(is_hex) {
        true => Ok(text),
        false => Err(D::Error::custom("a SHA-256 has 64 digits")),
    }
}

/// A directory that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTree {
    /// The path that the playbook gives.
    pub path: String,
    /// The patterns of what is none of it.
    pub exclude: Vec<String>,
    /// What is in it.
    pub nodes: BTreeMap<String, KeptNode>,
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptNode {
    /// A directory.
    Directory,
    /// A file, and whether its owner may run it.
    File(Kept, bool),
    /// A symbolic link, and where it points.
    Link(String),
}

impl Kept {
    fn of(content: &Content) -> Self {
        let (sha256, size) = (content.sha256.clone(), content.size);
        Self { sha256, size }
    }

    fn content(&self, contents: &BTreeMap<String, Content>) -> Content {
        let known = contents.get(&self.sha256).cloned();
        known.unwrap_or_else(|| Content::held(&*self.sha256, self.size))
    }
}

impl Bundle {
    /// The bundle of a playbook that has been rendered with `artifacts`, its vars given these values, and the contents
    /// that it needs. None where it
    /// would hold a secret: its text or a value has one in plain.
    pub fn of(
        document: &Document,
        given: &[(String, Option<String>)],
        artifacts: &Artifacts,
    ) -> Option<(Self, Vec<Content>)> {
        // `.` stands for nothing, of which there is no whole path.
        let directory = Path::new(".").join(document.source.directory());
        let directory = directory.canonicalize().unwrap_or(directory);
        let mut keeping = Keeping {
            secrets: &document.secrets,
            contents: BTreeMap::new(),
        };
        let Read {
            files,
            shipped,
            playbooks,
            trees,
            revisions,
        } = document.source.read();
        let bundle = Self {
            name: document.name.clone(),
            file: document.file().name.clone(),
            directory: directory.display().to_string(),
            text: document.file().text.clone(),
            included: playbooks,
            vars: given.to_vec(),
            files: keeping.all(&files),
            shipped: keeping.all(&shipped),
            trees: trees.iter().map(|(key, tree)| keeping.tree(key, tree)).collect(),
            artifacts: keeping.all(artifacts),
            revisions,
        };
        let mut texts = std::iter::once(&bundle.text).chain(bundle.included.values());
        let secret = texts.any(|text| document.secrets.taint(text.as_bytes()))
            || document.secrets.taint(bundle.json().as_bytes());
        (!secret).then(|| (bundle, keeping.contents.into_values().collect()))
    }

    /// It as JSON.
    pub fn json(&self) -> String {
        // Texts, numbers and lists have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A hash of what it means, wherever the playbook stood.
    pub fn digest(&self) -> String {
        let meaning = Self {
            file: String::new(),
            directory: String::new(),
            ..self.clone()
        };
        sha256(meaning.json().as_bytes())
    }

    /// What rendering read, where these contents are at hand; the others are on the host.
    pub fn read(&self, contents: &BTreeMap<String, Content>) -> Read {
        let all = |kept: &BTreeMap<String, Kept>| {
            let contents = kept
                .iter()
                .map(|(name, kept)| (name.clone(), kept.content(contents)));
            contents.collect()
        };
        let trees = self.trees.iter().map(|tree| {
            let node = |node: &KeptNode| match node {
                KeptNode::Directory => Node::Directory,
                KeptNode::Link(target) => Node::Link(target.clone()),
                KeptNode::File(kept, executable) => Node::File {
                    content: kept.content(contents),
                    executable: *executable,
                },
            };
            let nodes = tree.nodes.iter().map(|(name, kept)| (name.clone(), node(kept)));
            (
                (tree.path.clone(), tree.exclude.clone()),
                Rc::new(nodes.collect()),
            )
        });
        Read {
            files: all(&self.files),
            shipped: all(&self.shipped),
            playbooks: self.included.clone(),
            trees: trees.collect(),
            revisions: self.revisions.clone(),
        }
    }

    /// The binaries, which are on the host.
    pub fn artifacts(&self) -> Artifacts {
        let kept = self.artifacts.iter();
        kept.map(|(name, kept)| (name.clone(), Content::held(&*kept.sha256, kept.size)))
            .collect()
    }

    /// What rendering must have at hand: all but binaries.
    pub fn texts(&self) -> impl Iterator<Item = &Kept> {
        let nodes = self.trees.iter().flat_map(|tree| tree.nodes.values());
        let in_trees = nodes.filter_map(|node| match node {
            KeptNode::File(kept, _) => Some(kept),
            _ => None,
        });
        self.files.values().chain(self.shipped.values()).chain(in_trees)
    }
}

/// Collects the contents of a bundle. What holds a secret is not kept.
struct Keeping<'a> {
    secrets: &'a Secrets,
    contents: BTreeMap<String, Content>,
}

impl Keeping<'_> {
    fn keep(&mut self, content: &Content) -> Option<Kept> {
        if self.secrets.taint(&content.bytes) {
            return None;
        }
        self.contents.insert(content.sha256.clone(), content.clone());
        Some(Kept::of(content))
    }

    fn all(&mut self, contents: &BTreeMap<String, Content>) -> BTreeMap<String, Kept> {
        let kept = contents
            .iter()
            .filter_map(|(name, content)| Some((name.clone(), self.keep(content)?)));
        kept.collect()
    }

    fn tree(&mut self, key: &(String, Vec<String>), tree: &Tree) -> KeptTree {
        let nodes = tree.iter().filter_map(|(name, node)| {
            let kept = match node {
                Node::Directory => KeptNode::Directory,
                Node::Link(target) => KeptNode::Link(target.clone()),
                Node::File { content, executable } => KeptNode::File(self.keep(content)?, *executable),
            };
            Some((name.clone(), kept))
        });
        KeptTree {
            nodes: nodes.collect(),
            path: key.0.clone(),
            exclude: key.1.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_another_length_names_nothing() {
        let kept = |hash: &str| serde_json::from_str::<Kept>(&format!(r#"{{"sha256":"{hash}","size":1}}"#));
        assert!(kept(&sha256(b"x")).is_ok());
        for odd in ["", "abc", &"ä".repeat(32), &"A".repeat(64), &"a".repeat(65)] {
            assert!(kept(odd).is_err(), "{odd}");
        }
    }
}
