//! What the host remembers of the playbooks that were applied to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::Id;
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
    /// What its kind must know to take it away; null where there is nothing to take away.
    #[serde(default)]
    pub remains: Value,
}

/// The question, for `playbook`, whose meaning has this hash.
pub(super) fn script(playbook: &str, digest: &str) -> String {
    let own = shell::quote(&format!("{playbook} {digest}"));
    format!("own={own}\n{}", include_str!("generations.sh"))
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
        let text = "@base 3 aa\n{\"id\":\"file./etc/motd\",\"remains\":{\"path\":\"/etc/motd\"}}\nnoise\n@app 1 bb\n";
        let all = read(text);
        assert_eq!((all.len(), all[0].number, &*all[1].digest), (2, 3, "bb"));
        assert_eq!(all[0].declared[0].id.as_str(), "file./etc/motd");
        assert_eq!(all[0].declared[0].remains["path"], "/etc/motd");
        assert!(all[1].declared.is_empty());
    }

    proptest! {
        #[test]
        fn any_answer_is_read(text in "(@[a ]{0,3}[0-9]{0,12} ?|\\{\"id\":|\\PC{0,9}|\n){0,9}") {
            let _ = read(&text);
        }
    }
}
