//! How a file that others own is altered: one line of it, or a marked block. Text in, text out.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::shell;

/// An alteration of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// This line is there: in place of the last that matches, else where it goes.
    Line {
        /// The line.
        line: String,
        /// Which line it takes the place of.
        regexp: Option<String>,
        /// Where it goes else.
        place: Place,
    },
    /// No line that is this one or matches is there.
    NoLine {
        /// The line.
        line: Option<String>,
        /// Which lines.
        regexp: Option<String>,
    },
    /// This text is there, between two lines that mark it.
    Block {
        /// The line before it.
        begin: String,
        /// The line behind it.
        end: String,
        /// The text.
        block: String,
        /// Where it goes.
        place: Place,
    },
    /// What another one did is undone, and what it took away is put back.
    Back {
        /// The other one.
        of: Box<Edit>,
        /// What it took away.
        was: Vec<String>,
    },
}

/// Where a new line goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At the end.
    #[default]
    End,
    /// At the beginning.
    Start,
    /// Behind the last line that matches, else at the end.
    After(String),
    /// Before the last line that matches, else at the end.
    Before(String),
}

/// What an edit makes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The lines that it takes away.
    pub was: Vec<String>,
    /// How many other lines match, and stay.
    pub alike: usize,
}

/// What a playbook has made of a file of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The file.
    pub path: String,
    /// The edit.
    pub edit: Edit,
    /// The lines that it took away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
    /// Whether it made the file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub created: bool,
}

fn regex(pattern: &Option<String>) -> Option<Regex> {
    pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok())
}

impl Place {
    fn find(&self, lines: &[String]) -> usize {
        let last = |pattern: &String| {
            let regex = Regex::new(pattern).ok()?;
            lines.iter().rposition(|line| regex.is_match(line))
        };
        match self {
            Self::End => lines.len(),
            Self::Start => 0,
            Self::After(pattern) => last(pattern).map_or(lines.len(), |at| at + 1),
            Self::Before(pattern) => last(pattern).unwrap_or(lines.len()),
        }
    }

    fn words(&self) -> [&str; 2] {
        match self {
            Self::End => ["end", ""],
            Self::Start => ["start", ""],
            Self::After(pattern) => ["after", pattern],
            Self::Before(pattern) => ["before", pattern],
        }
    }
}

impl Edit {
    /// What it makes of `text`, in which `known` may have been made before by the same declaration.
    ///
    /// # Errors
    /// Why the text cannot be altered: a mark of the block stands there alone, or twice.
    pub fn apply(&self, text: &str, known: Option<&Self>) -> Result<Edited, String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let before = lines.clone();
        let (was, alike) = match self {
            Self::Line { line, regexp, place } => {
                let earlier = match known {
                    Some(Self::Line { line, .. }) => Some(line),
                    _ => None,
                };
                one_line(&mut lines, line, &regex(regexp), place, earlier)
            }
            Self::NoLine { line, regexp } => {
                let regex = regex(regexp);
                let goes = |one: &String| {
                    line.as_ref() == Some(one) || regex.as_ref().is_some_and(|regex| regex.is_match(one))
                };
                let (gone, kept) = lines.into_iter().partition(goes);
                lines = kept;
                (gone, 0)
            }
            Self::Block {
                begin,
                end,
                block,
                place,
            } => {
                if let Some(Self::Block {
                    begin: old,
                    end: last,
                    ..
                }) = known
                    && (old, last) != (begin, end)
                    && let Some((from, to)) = marks(&lines, old, last)?
                {
                    lines[to] = end.clone();
                    lines[from] = begin.clone();
                }
                let (from, to) = match marks(&lines, begin, end)? {
                    Some((from, to)) => (from, to + 1),
                    None => {
                        let at = place.find(&lines);
                        (at, at)
                    }
                };
                let inner = block.lines().map(str::to_owned);
                let whole = std::iter::once(begin.clone()).chain(inner).chain([end.clone()]);
                lines.splice(from..to, whole);
                (Vec::new(), 0)
            }
            Self::Back { of, was } => {
                of.take_back(&mut lines, was)?;
                (Vec::new(), 0)
            }
        };
        // What is as it should be stays byte for byte.
        let text = match lines == before {
            true => text.to_owned(),
            false => lines.iter().map(|line| format!("{line}\n")).collect(),
        };
        Ok(Edited { text, was, alike })
    }

    fn take_back(&self, lines: &mut Vec<String>, was: &[String]) -> Result<(), String> {
        match self {
            Self::Line { line, .. } => {
                if let Some(at) = lines.iter().rposition(|one| one == line) {
                    lines.splice(at..=at, was.iter().cloned());
                }
                // So that it finds nothing more to do.
                lines.retain(|one| one != line);
            }
            Self::NoLine { .. } => {
                let gone: Vec<String> = was.iter().filter(|one| !lines.contains(one)).cloned().collect();
                lines.extend(gone);
            }
            Self::Block { begin, end, .. } => {
                if let Some((from, to)) = marks(lines, begin, end)? {
                    lines.drain(from..=to);
                }
            }
            Self::Back { .. } => {}
        }
        Ok(())
    }

    /// The same for the host's perl: the words behind `perl -e` and the program, which reads and writes a text.
    pub fn command(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let words: Vec<String> = match self {
            Self::Line { line, regexp, place } => {
                let [place, pattern] = place.words();
                ["line", line, &text(regexp), place, pattern]
                    .map(str::to_owned)
                    .into()
            }
            Self::NoLine { line, regexp } => vec!["noline".into(), text(line), text(regexp)],
            Self::Block {
                begin,
                end,
                block,
                place,
            } => {
                let [place, pattern] = place.words();
                ["block", begin, end, place, pattern, block]
                    .map(str::to_owned)
                    .into()
            }
            // What was made is there.
            Self::Back { .. } => vec!["none".into()],
        };
        let program = ["perl", "-e", PROGRAM, "--"].map(str::to_owned);
        shell::words(program.into_iter().chain(words))
    }
}

/// What a host's perl does with a file that no plan has seen, because a package brings it.
const PROGRAM: &str = include_str!("edit.pl");

/// Puts `line` where it belongs; `earlier` is what stood there in its place when the playbook was applied before.
fn one_line(
    lines: &mut Vec<String>,
    line: &String,
    regex: &Option<Regex>,
    place: &Place,
    earlier: Option<&String>,
) -> (Vec<String>, usize) {
    let is = |one: &String| one == line;
    let alike = |one: &String| regex.as_ref().is_some_and(|regex| regex.is_match(one));
    let old = earlier.filter(|one| !is(one));
    let old = old.and_then(|old| lines.iter().position(|one| one == old));
    let there = lines
        .iter()
        .rposition(alike)
        .or_else(|| lines.iter().position(is));
    let mut was = Vec::new();
    match (there, old) {
        (Some(at), old) => {
            if Some(at) != old && !is(&lines[at]) {
                was.push(lines[at].clone());
            }
            lines[at].clone_from(line);
            if let Some(old) = old.filter(|old| *old != at) {
                lines.remove(old);
            }
        }
        (None, Some(old)) => lines[old].clone_from(line),
        (None, None) => lines.insert(place.find(lines), line.clone()),
    }
    let others = lines.iter().filter(|one| alike(one) && !is(one)).count();
    (was, others)
}

/// Where a block begins and ends.
fn marks(lines: &[String], begin: &str, end: &str) -> Result<Option<(usize, usize)>, String> {
    let places = |mark: &str| -> Vec<usize> {
        let is = |(at, line): (usize, &String)| (line == mark).then_some(at);
        lines.iter().enumerate().filter_map(is).collect()
    };
    match (&places(begin)[..], &places(end)[..]) {
        ([], []) => Ok(None),
        ([from], [to]) if from < to => Ok(Some((*from, *to))),
        ([from, ..], []) => Err(format!(
            "`{begin}` stands in line {}, and its end is not there",
            from + 1
        )),
        ([], [to, ..]) => Err(format!(
            "`{end}` stands in line {}, and its begin is not there",
            to + 1
        )),
        ([.., from], _) => Err(format!(
            "the marks of the block stand there more than once, the last time in line {}",
            from + 1
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use proptest::prelude::*;

    fn line(line: &str, regexp: Option<&str>, place: Place) -> Edit {
        Edit::Line {
            line: line.into(),
            regexp: regexp.map(str::to_owned),
            place,
        }
    }

    fn block(text: &str) -> Edit {
        Edit::Block {
            begin: "# BEGIN x".into(),
            end: "# END x".into(),
            block: text.into(),
            place: Place::End,
        }
    }

    #[test]
    fn a_line_takes_the_place_of_the_last_that_matches() {
        let port = line("Port 2222", Some("^#?Port "), Place::End);
        for (text, wanted, was) in [
            ("", "Port 2222\n", ""),
            ("a\n#Port 22\nb\n", "a\nPort 2222\nb\n", "#Port 22"),
            ("#Port 22\nPort 23\n", "#Port 22\nPort 2222\n", "Port 23"),
            ("Port 2222\nno newline", "Port 2222\nno newline", ""),
            ("no newline", "no newline\nPort 2222\n", ""),
        ] {
            let edited = port.apply(text, None).expect("a text");
            assert_eq!(
                (edited.text.as_str(), edited.was.concat().as_str()),
                (wanted, was)
            );
        }
        let edited = port.apply("#Port 1\nPort 2222\n", None).expect("a text");
        assert_eq!(edited.alike, 1);
        for (place, wanted) in [
            (Place::Start, "x\na1\na2\nb\n"),
            (Place::After("^a".into()), "a1\na2\nx\nb\n"),
            (Place::Before("^a".into()), "a1\nx\na2\nb\n"),
            (Place::After("none".into()), "a1\na2\nb\nx\n"),
        ] {
            let edited = line("x", None, place).apply("a1\na2\nb\n", None).expect("a text");
            assert_eq!(edited.text, wanted);
        }
    }

    #[test]
    fn what_was_declared_before_gives_way_where_it_stands() {
        let (old, new) = (line("x=1", None, Place::End), line("x=2", None, Place::End));
        let edited = new.apply("a\nx=1\nb\n", Some(&old)).expect("a text");
        assert_eq!((edited.text.as_str(), edited.was.len()), ("a\nx=2\nb\n", 0));
        let text = block("a").apply("top\n", None).expect("a text").text;
        let Edit::Block { block, place, .. } = block("b") else {
            panic!("a block")
        };
        let other = Edit::Block {
            begin: "; BEGIN".into(),
            end: "; END".into(),
            block,
            place,
        };
        let edited = other
            .apply(&text, Some(&super::tests::block("a")))
            .expect("a text");
        assert_eq!(edited.text, "top\n; BEGIN\nb\n; END\n");
    }

    #[test]
    fn a_mark_that_stands_alone_is_told() {
        for text in [
            "# BEGIN x\na\n",
            "# END x\n",
            "# END x\n# BEGIN x\n",
            "# BEGIN x\n# END x\n# BEGIN x\n# END x\n",
        ] {
            assert!(block("a").apply(text, None).is_err(), "{text}");
        }
    }

    fn perl(edit: &Edit, text: &str) -> String {
        let mut child = Command::new("sh")
            .args(["-c", &edit.command()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("written");
        drop(stdin);
        String::from_utf8(child.wait_with_output().expect("it ends").stdout).expect("text")
    }

    fn edits() -> impl Strategy<Value = Edit> {
        let place = prop_oneof![
            Just(Place::End),
            Just(Place::Start),
            Just(Place::After("^a".into())),
            Just(Place::Before("[bc]$".into())),
        ];
        // What a line matches that takes a place.
        let lines = ("[abc]{1,2}", proptest::bool::ANY, place.clone());
        prop_oneof![
            lines.prop_map(|(text, by, place)| {
                let regexp = by.then(|| format!("^#?{}", &text[..1]));
                Edit::Line {
                    line: text,
                    regexp,
                    place,
                }
            }),
            ("[abc]{1,2}", proptest::option::of(Just("^#".to_owned()))).prop_map(|(line, regexp)| {
                Edit::NoLine {
                    line: Some(line),
                    regexp,
                }
            }),
            ("([abc]\n){0,2}", place).prop_map(|(block, place)| Edit::Block {
                begin: "# BEGIN".into(),
                end: "# END".into(),
                block,
                place,
            }),
        ]
    }

    proptest! {
        #[test]
        fn an_edit_finds_itself_and_can_be_taken_back(edit in edits(), text in "(#?[abc]{1,2}\n){0,6}") {
            let once = edit.apply(&text, None).expect("a text");
            let twice = edit.apply(&once.text, None).expect("a text");
            prop_assert_eq!(&once.text, &twice.text);
            prop_assert!(twice.was.is_empty());
            let is_known = |line: &String| text.lines().any(|one| one == line);
            let twice = matches!(&edit, Edit::Line { line, .. } if is_known(line));
            if once.text != text && !twice && !matches!(edit, Edit::NoLine { .. }) {
                let back = Edit::Back { of: Box::new(edit), was: once.was };
                let back = back.apply(&once.text, None).expect("a text").text;
                // Of equal lines another one may have been taken.
                let sorted = |text: &str| { let mut lines: Vec<String> = text.lines().map(str::to_owned).collect(); lines.sort(); lines };
                prop_assert_eq!(sorted(&back), sorted(&text));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_hosts_perl_does_the_same(edit in edits(), text in "(#?[abc]{1,2}\n){0,6}(end)?") {
            prop_assert_eq!(perl(&edit, &text), edit.apply(&text, None).expect("a text").text);
        }
    }
}
