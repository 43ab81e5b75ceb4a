//! The sections of several files as those of one. Names are identities across them all.

use serde_json::Value;

use super::sections::is_one;
use crate::language::PlaybookError;
use crate::language::expanded::{File, error};
use crate::language::node::{Entries, Kind, Node};

/// Puts the sections of one file behind those of others.
pub(super) fn merge(
    into: &mut Entries,
    sections: Entries,
    files: &[File],
    schema: &Value,
) -> Vec<PlaybookError> {
    let mut merging = Merging {
        files,
        errors: Vec::new(),
    };
    let others = into.len();
    for (name, section) in sections {
        let text = name.scalar().unwrap_or_default();
        // What stands twice in one file is told when it is read.
        let there = into[..others]
            .iter_mut()
            .find(|(there, _)| there.scalar() == name.scalar());
        match there {
            None => into.push((name, section)),
            Some((_, there)) => merging.section(there, text, section, is_one(text, schema)),
        }
    }
    merging.errors
}

struct Merging<'a> {
    files: &'a [File],
    errors: Vec<PlaybookError>,
}

impl Merging<'_> {
    fn section(&mut self, there: &mut Node, name: &str, more: Node, is_one: bool) {
        if more.is_null() {
            return;
        }
        if there.is_null() {
            *there = more;
            return;
        }
        let (place, at) = (more.place, self.at(there));
        match (&mut there.kind, more.kind) {
            (Kind::Map(entries, _), Kind::Map(more, _)) => self.entries(entries, more, is_one),
            (Kind::List(items, _), Kind::List(more, _)) => items.extend(more),
            _ => {
                let message = format!("`{name}` is written in another way in {at}");
                let help = "write it as a list in both files, or as a mapping in both";
                self.wrong(&Node::text(name, place), message, help);
            }
        }
    }

    fn entries(&mut self, entries: &mut Entries, more: Entries, is_one: bool) {
        let others = entries.len();
        for (key, value) in more {
            let there = entries[..others]
                .iter_mut()
                .find(|(there, _)| there.scalar() == key.scalar());
            match there {
                None => entries.push((key, value)),
                // The lists and names of one thing add up; what has one value has it once.
                Some((_, there)) if is_one && is_several(there) && is_several(&value) => {
                    let name = key.scalar().unwrap_or_default();
                    self.section(there, name, value, false);
                }
                Some((there, _)) => {
                    let name = key.scalar().unwrap_or_default();
                    let (message, help) = match self.at(there) == self.at(&key) {
                        true => (
                            format!(
                                "`{name}` is there more than once, since this file is included more than once"
                            ),
                            "write into the name what differs: a var to which each `include` gives another value",
                        ),
                        false => (
                            format!("`{name}` stands in {}, too", self.at(there)),
                            "names are identities: remove one of the two, or rename it",
                        ),
                    };
                    self.wrong(&key, message, help);
                }
            }
        }
    }

    fn at(&self, node: &Node) -> String {
        let name = self
            .files
            .get(node.place.part)
            .map_or("", |file| file.name.as_str());
        format!("{name}:{}", node.place.line)
    }

    fn wrong(&mut self, node: &Node, message: String, help: &str) {
        let error = error(self.files, node.place, message);
        self.errors.push(error.with_help(Some(help.to_owned())));
    }
}

fn is_several(node: &Node) -> bool {
    !matches!(node.kind, Kind::Scalar(..))
}
