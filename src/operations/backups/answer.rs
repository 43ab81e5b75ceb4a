//! What the programs of backups say.

use std::collections::BTreeMap;

use super::{Archive, Backup, Difference, Ended, Listed, Proof};
use crate::change::Verb;

/// What a backup says of itself, `KEY=VALUE` a line; others are passed over.
pub fn about(text: &str) -> Backup {
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let some = |name: &str| fields.get(name).copied().filter(|text| !text.is_empty());
    let ended = |text: &str, said: &str| {
        let (at, outcome) = text.split_once(' ')?;
        Some(Ended {
            at: at.parse().ok()?,
            failed: outcome != "ok",
            said: said.to_owned(),
        })
    };
    let proof = |text: &str| {
        let words: Vec<&str> = text.splitn(4, ' ').collect();
        let [archive, at, outcome, ..] = words[..] else {
            return None;
        };
        Some(Proof {
            archive: archive.to_owned(),
            ended: ended(&format!("{at} {outcome}"), words.get(3).unwrap_or(&""))?,
        })
    };
    Backup {
        playbook: field("playbook").to_owned(),
        name: field("name").to_owned(),
        place: field("place").to_owned(),
        schedule: field("schedule").to_owned(),
        keep: field("keep").parse().unwrap_or_default(),
        max_age: field("max_age").parse().unwrap_or_default(),
        encrypted: some("encrypted").is_some(),
        last: ended(field("last"), field("said")),
        newest: archive(field("newest")),
        verified: proof(field("verified")),
        drilled: proof(field("drilled")),
        problem: some("problem").map(str::to_owned),
    }
}

/// The same, with its archives.
pub fn listed(text: &str) -> Listed {
    let all = |key: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.filter_map(archive).collect()
    };
    Listed {
        backup: about(text),
        archives: all("archive="),
        kept: all("kept="),
    }
}

/// `NAME SIZE MADE ENTRIES SHA256`.
fn archive(line: &str) -> Option<Archive> {
    let words: Vec<&str> = line.split(' ').collect();
    let [name, size, made, entries, sha256] = words[..] else {
        return None;
    };
    Some(Archive {
        name: name.to_owned(),
        size: size.parse().ok()?,
        made: made.parse().ok()?,
        entries: entries.parse().ok()?,
        sha256: sha256.to_owned(),
    })
}

/// The archive that would be restored, and what that would do, by path.
pub fn changes(text: &str) -> Option<(Archive, Vec<Difference>)> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let archive = archive(first.strip_prefix("archive\t")?)?;
    let mut all: BTreeMap<String, Difference> = BTreeMap::new();
    for line in rest.lines() {
        let verb = match line.as_bytes() {
            [b'+', b' ', ..] => Verb::Create,
            [b'~', b' ', ..] => Verb::Update,
            [b'-', b' ', ..] => Verb::Remove,
            _ => continue,
        };
        let (name, why) = line[2..].split_once('\t').unwrap_or((&line[2..], ""));
        let path = format!("/{}", unquoted(name));
        let difference = all.entry(path.clone()).or_insert(Difference {
            verb,
            path,
            why: Vec::new(),
        });
        // What is gone from the host and stands in the archive in another form is replaced.
        if difference.verb != verb {
            difference.verb = Verb::Update;
        }
        if !why.is_empty() {
            difference.why.push(why.to_owned());
        }
    }
    Some((archive, all.into_values().collect()))
}

/// A name as tar prints it (`--quoting-style=escape`), without its escapes but those of lines.
fn unquoted(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = rest.get(1..4).filter(|digits| {
            *first == b'\\' && digits[0] <= b'3' && digits.iter().all(|digit| matches!(digit, b'0'..=b'7'))
        });
        if let Some(digits) = octal {
            bytes.push(digits.iter().fold(0, |byte, digit| (byte << 3) | (digit - b'0')));
            rest = &rest[4..];
        } else if let [b'\\', b'\\', after @ ..] = rest {
            bytes.push(b'\\');
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_backup_is_read() {
        let text = "playbook=app\nname=data\nplace=/b\nschedule=0 2 * * *\nkeep=7\nmax_age=9\nencrypted=\n\
                    last=5 failed\nsaid=no space=left\nnewest=a-1.tar.gz 10 4 3 ab\nverified=a-1.tar.gz 6 ok read\n\
                    drilled=\nproblem=it failed\narchive=a-0.tar.gz 9 3 2 cd\narchive=a-1.tar.gz 10 4 3 ab\nkept=x y\n";
        let Listed {
            backup,
            archives,
            kept,
        } = listed(text);
        let last = backup.last.expect("a run");
        assert_eq!((last.at, last.failed, &*last.said), (5, true, "no space=left"));
        let verified = backup.verified.expect("a proof");
        assert_eq!((&*verified.archive, verified.ended.failed), ("a-1.tar.gz", false));
        assert_eq!(backup.drilled, None);
        assert_eq!(backup.newest.as_ref(), archives.last());
        assert_eq!((archives.len(), kept.len()), (2, 0));
    }

    #[test]
    fn changes_are_put_together_by_path() {
        let text = "archive\ta-1.tar.gz 10 4 3 ab\n+ srv/new\n~ srv/old\tContents differ\n~ srv/old\tMode differs\n\
                    - srv/gone\\303\\244\\\\\nnoise\n";
        let (archive, all) = changes(text).expect("changes");
        assert_eq!(archive.name, "a-1.tar.gz");
        let told: Vec<_> = all
            .iter()
            .map(|each| (each.verb, each.path.as_str(), each.why.len()))
            .collect();
        assert_eq!(
            told,
            [
                (Verb::Remove, "/srv/goneä\\", 0),
                (Verb::Create, "/srv/new", 0),
                (Verb::Update, "/srv/old", 2),
            ]
        );
        assert_eq!(changes("there is no archive"), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read(text in "(archive\t|[+~-] |\\\\[0-7]{0,3}|=|\\PC{0,9}|\n){0,9}") {
            let _ = (listed(&text), changes(&text), changes(&format!("archive\ta 1 2 3 b\n{text}")));
        }
    }
}
