//! A tree as a text again, which is what types read, and where in the files each word of it came from.

use super::error::PlaybookError;
use super::node::{Entries, Kind, Node, Place};

/// What stands in place of a value that could not be had, which is told where that is wrong.
pub(super) const UNKNOWN: &str = "\0";

/// A file that a playbook is made of, for messages.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// A text that was made of a tree. Secrets stand in it.
#[derive(Clone, Default)]
pub struct Expanded {
    text: String,
    /// Where a word begins in the text, and where it came from.
    places: Vec<((usize, usize), Place)>,
    line: usize,
    column: usize,
}

impl std::fmt::Debug for Expanded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expanded").finish_non_exhaustive()
    }
}

impl Expanded {
    /// The text of a mapping.
    pub fn of(entries: &Entries) -> Self {
        let mut text = Self {
            line: 1,
            column: 1,
            ..Self::default()
        };
        if entries.is_empty() {
            text.push("{}");
        }
        text.block(entries, 0, true);
        text.push("\n");
        text
    }

    /// It, for types and for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where what stands at a line and column came from.
    pub fn place(&self, line: usize, column: usize) -> Place {
        let after = self.places.partition_point(|(at, _)| *at <= (line, column));
        let before = after.checked_sub(1).and_then(|before| self.places.get(before));
        before.map_or(
            Place {
                part: 0,
                line: 1,
                column: 1,
            },
            |(_, place)| *place,
        )
    }

    /// An error at a line and column, told of the file from which that came.
    pub fn error(&self, files: &[File], line: usize, column: usize, message: String) -> PlaybookError {
        error(files, self.place(line, column), message)
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            (self.line, self.column) = match c {
                '\n' => (self.line + 1, 1),
                _ => (self.line, self.column + 1),
            };
        }
    }

    fn note(&mut self, place: Place) {
        let at = (self.line, self.column);
        self.places.push((at, place));
    }

    /// Entries, one a line. The first one's line has begun already where that is said.
    fn block(&mut self, entries: &Entries, indent: usize, mut begun: bool) {
        for (key, value) in entries {
            if !begun {
                self.push("\n");
                self.push(&" ".repeat(indent));
            }
            begun = false;
            self.note(key.place);
            self.scalar(key, true);
            self.push(":");
            match &value.kind {
                Kind::Map(inner, false) if !inner.is_empty() => self.block(inner, indent + 2, false),
                Kind::List(items, false) if !items.is_empty() => self.items(items, indent + 2, value.place),
                _ => {
                    self.push(" ");
                    self.inline(value, indent);
                }
            }
        }
    }

    fn items(&mut self, items: &[Node], indent: usize, place: Place) {
        for (index, item) in items.iter().enumerate() {
            self.push("\n");
            self.push(&" ".repeat(indent));
            if index == 0 {
                self.note(place);
            }
            self.push("- ");
            match &item.kind {
                Kind::Map(inner, false) if !inner.is_empty() => self.block(inner, indent + 2, true),
                _ => self.inline(item, indent),
            }
        }
    }

    /// A value that begins on this line.
    fn inline(&mut self, value: &Node, indent: usize) {
        self.note(value.place);
        match &value.kind {
            Kind::Scalar(text, false) if is_literal(text) => {
                self.push(if text.ends_with('\n') { "|" } else { "|-" });
                for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                    self.push("\n");
                    if !line.is_empty() {
                        self.push(&" ".repeat(indent + 2));
                        self.push(line);
                    }
                }
            }
            _ => self.flow(value),
        }
    }

    fn flow(&mut self, value: &Node) {
        match &value.kind {
            Kind::Scalar(..) => self.scalar(value, false),
            Kind::List(items, _) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    self.note(item.place);
                    self.flow(item);
                }
                self.push("]");
            }
            Kind::Map(entries, _) if entries.is_empty() => self.push("{}"),
            Kind::Map(entries, _) => {
                self.push("{ ");
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    self.note(key.place);
                    self.scalar(key, true);
                    self.push(": ");
                    self.note(value.place);
                    self.flow(value);
                }
                self.push(" }");
            }
        }
    }

    fn scalar(&mut self, node: &Node, is_key: bool) {
        let Kind::Scalar(text, plain) = &node.kind else {
            return;
        };
        match node.is_null() {
            true => self.push("null"),
            false if (*plain || is_key) && is_plain(text) => self.push(text),
            false => self.push(&quoted(text)),
        }
    }
}

/// An error at a place, told of its file.
pub fn error(files: &[File], place: Place, message: impl Into<String>) -> PlaybookError {
    let none = File::default();
    let File { name, text } = files.get(place.part).unwrap_or(&none);
    PlaybookError::at(name, text, place.line, place.column, message)
}

/// Whether a text can stand without quotes anywhere.
fn is_plain(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || "/._+".contains(c);
    let other = |c: char| first(c) || "-@%=:() ".contains(c);
    text.starts_with(first)
        && text.chars().all(other)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !matches!(text, "~" | "null" | "Null" | "NULL")
}

/// Whether a text of several lines can stand as it is.
fn is_literal(text: &str) -> bool {
    let rest = text.strip_suffix('\n').unwrap_or(text);
    rest.contains('\n')
        && !rest.starts_with([' ', '\n', '\t'])
        && !rest.ends_with('\n')
        && !text
            .chars()
            .any(|c| c != '\n' && (c.is_control() || !is_printable(c)))
        && !rest
            .lines()
            .any(|line| !line.is_empty() && line.trim().is_empty())
}

/// Whether YAML takes a character as it is, and none for a line's end.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text in double quotes (YAML 1.2.2, 5.7: escaped characters).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;
    use proptest::prelude::*;

    /// A tree without places and styles.
    fn shape(node: &Node) -> String {
        match &node.kind {
            Kind::Scalar(_, _) if node.is_null() => "null".into(),
            Kind::Scalar(text, _) => format!("{text:?}"),
            Kind::List(items, _) => format!("{:?}", items.iter().map(shape).collect::<Vec<_>>()),
            Kind::Map(entries, _) => format!(
                "{:?}",
                entries
                    .iter()
                    .map(|(key, value)| (shape(key), shape(value)))
                    .collect::<Vec<_>>()
            ),
        }
    }

    /// Each node's own line and column beside the place that its text remembers.
    fn places(node: &Node, text: &Expanded, all: &mut Vec<(Place, Place)>) {
        all.push((text.place(node.place.line, node.place.column), node.place));
        match &node.kind {
            Kind::Scalar(..) => {}
            Kind::List(items, _) => items.iter().for_each(|item| places(item, text, all)),
            Kind::Map(entries, _) => entries.iter().for_each(|(key, value)| {
                places(key, text, all);
                places(value, text, all);
            }),
        }
    }

    fn again(text: &str) -> Expanded {
        let root = parse(text, 3).expect("a tree").expect("a root");
        let written = Expanded::of(root.entries().expect("a mapping"));
        let read = parse(written.text(), 3).unwrap_or_else(|wrong| panic!("{wrong:?}\n{}", written.text()));
        let read = read.expect("a root");
        assert_eq!(shape(&read), shape(&root), "{}", written.text());
        written
    }

    #[test]
    fn a_text_that_is_written_again_says_the_same() {
        let text = "# a comment\nname: x\nvars: { port: 8080, none: , 'a b': \"q\\\"\\t\\u2028\" }\nfiles:\n  /etc/x:\n    \
                    content: |\n      a: 1\n\n        b\n    mode: 0640\n  /etc/y: { content: \"a\\nb\\n\\n\" }\n  /etc/z:\n    \
                    content: |-\n      one\n      two\nlist:\n- a\n- b: 1\n  c: [x, {y: ~}]\n- - 1\n  - 2\n-\n- '- x'\n";
        let written = again(text);
        insta::assert_snapshot!(written.text());
        assert_eq!(again(written.text()).text(), written.text());
    }

    #[test]
    fn every_word_remembers_where_it_came_from() {
        let text = "a:  { b: 1,   c: [2, 3] }\nd:\n    - e\n    - f: g\n      h: |\n        x\n        y\n";
        let root = parse(text, 3).expect("a tree").expect("a root");
        let written = Expanded::of(root.entries().expect("a mapping"));
        let read = parse(written.text(), 3).expect("a tree").expect("a root");
        let (mut here, mut there) = (Vec::new(), Vec::new());
        places(&read, &written, &mut here);
        places(&root, &Expanded::default(), &mut there);
        let came: Vec<Place> = here.iter().map(|(came, _)| *came).collect();
        let wanted: Vec<Place> = there.iter().map(|(_, own)| *own).collect();
        assert_eq!(came, wanted, "{}", written.text());
    }

    proptest! {
        #[test]
        fn any_text_stands_for_itself(text in "[ \\na-c:#'\"{}\\[\\],&*!|>%@`~\\-?é\\t\u{85}\u{2028}]{0,12}", key in "[a:#\" -]{1,5}") {
            let place = Place { part: 3, line: 1, column: 1 };
            let value = Node::text(text, place);
            let list = Node { kind: Kind::List(vec![value.clone(), value.clone()], true), place };
            let entries = vec![(Node::text(key, place), value), (Node::text("zz", place), list)];
            let written = Expanded::of(&entries);
            let read = parse(written.text(), 3).map_err(|wrong| TestCaseError::fail(format!("{wrong:?}")))?;
            prop_assert_eq!(
                shape(&read.expect("a root")),
                shape(&Node { kind: Kind::Map(entries, false), place }),
                "{}", written.text()
            );
        }
    }
}
