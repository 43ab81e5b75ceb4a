//! What the host holds already of the large contents of a run. It is asked only when there are any: the
//! answer costs one round trip.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::delta;
use crate::change::{Action, Change, Content};
use crate::layout::BASE;
use crate::shell;

/// A content of a run, and a file on the host that is likely to be alike.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What shall be there.
    pub content: Content,
    /// Where something alike may stand.
    pub like: String,
}

/// What changes write, each content once.
pub fn wanted(changes: &[Change]) -> Vec<Wanted> {
    let mut wanted = BTreeMap::new();
    for action in changes.iter().flat_map(|change| &change.actions) {
        if let Action::Write {
            path, content, like, ..
        } = action
        {
            wanted.entry(&content.sha256).or_insert_with(|| Wanted {
                content: content.clone(),
                like: like.as_ref().unwrap_or(path).clone(),
            });
        }
    }
    wanted.into_values().collect()
}

/// Which of them are worth a question. A secret is none: it stays on no host longer than its run.
pub fn large(wanted: &[Wanted]) -> impl Iterator<Item = &Wanted> {
    let is_large = |wanted: &&Wanted| {
        let content = &wanted.content;
        (content.size >= delta::SMALL as u64 || !content.is_here()) && !content.secret
    };
    wanted.iter().filter(is_large)
}

const OFFER: &str = include_str!("offer.sh");

/// The question, a script for sh; none when nothing large is wanted and nothing is to be kept.
pub fn script(wanted: &[Wanted], kept: &[Content]) -> Option<String> {
    let mut text = format!("base={BASE}\n{OFFER}");
    let mut any = false;
    for Wanted { content, like } in large(wanted) {
        any = true;
        let _ = writeln!(text, "offer {} {}", content.sha256, shell::quote(like));
    }
    if !kept.is_empty() {
        any = true;
        let hashes: String = kept
            .iter()
            .map(|content| format!("{}\n", content.sha256))
            .collect();
        let _ = write!(text, "lacks <<'@end'\n{hashes}@end\n");
    }
    any.then_some(text)
}

/// What a host holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Contents that its store has.
    pub whole: BTreeSet<String>,
    /// For a content that it has not, the SHA-256 of the file that is likely to be alike.
    pub like: BTreeMap<String, String>,
    /// Contents that a generation is to keep, and that the store has not.
    pub lacks: BTreeSet<String>,
}

/// Reads the answer; other lines are none of it.
pub fn decode(answer: &[u8]) -> Held {
    let mut held = Held::default();
    for line in String::from_utf8_lossy(answer).lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["@held", hash] => {
                held.whole.insert(hash.to_owned());
            }
            ["@lacks", hash] => {
                held.lacks.insert(hash.to_owned());
            }
            ["@like", hash, like] => {
                held.like.insert(hash.to_owned(), like.to_owned());
            }
            _ => {}
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_contents_that_are_no_secret_are_asked_for() {
        let wanted = |bytes: Vec<u8>, secret| Wanted {
            content: Content::new(bytes, secret),
            like: "/opt/it's here".into(),
        };
        let small = wanted(b"small".to_vec(), false);
        let secret = wanted(vec![1; delta::SMALL], true);
        assert_eq!(script(&[small.clone(), secret.clone()], &[]), None);
        let large = wanted(vec![2; delta::SMALL], false);
        let text = script(&[small, secret, large.clone()], &[]).expect("a question");
        let asked: Vec<&str> = text.lines().filter(|line| line.starts_with("offer ")).collect();
        assert_eq!(
            asked,
            [format!(r"offer {} '/opt/it'\''s here'", large.content.sha256)]
        );
    }

    #[test]
    fn this_machine_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let like = folder.path().join("older");
        std::fs::write(&like, "older").expect("written");
        let content = |byte| Content::new(vec![byte; delta::SMALL], false);
        let (stored, torn, absent) = (content(1), content(2), content(3));
        std::fs::write(folder.path().join(&stored.sha256), &stored.bytes).expect("written");
        std::fs::write(folder.path().join(&torn.sha256), "torn").expect("written");
        let wanted: Vec<Wanted> = [
            (&stored, "/none"),
            (&torn, like.to_str().expect("text")),
            (&absent, "/none"),
        ]
        .map(|(content, like)| Wanted {
            content: content.clone(),
            like: like.into(),
        })
        .into();
        let script = script(&wanted, &[]).expect("a question");
        let script = script.replace("$base/store", &folder.path().display().to_string());
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("sh runs");
        let held = decode(&output.stdout);
        assert_eq!(held.whole, BTreeSet::from([stored.sha256]));
        assert_eq!(
            held.like,
            BTreeMap::from([(torn.sha256, crate::change::sha256(b"older"))])
        );
    }
}
