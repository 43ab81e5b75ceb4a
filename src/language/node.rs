//! YAML as a tree, each node with its place: what is put in, repeated or left out is so before a type reads it.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use crate::secret::Secrets;

/// More nodes than this are no playbook: aliases of aliases make many of a few.
const MOST: usize = 200_000;

/// Where a node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of the files that make up the playbook.
    pub part: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
}

/// A node, and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands; for an alias that is where it is used.
    pub place: Place,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A text, and whether it stands without quotes: only then `null` is null.
    Scalar(String, bool),
    /// A list, and whether it stands between brackets.
    List(Vec<Node>, bool),
    /// A mapping, and whether it stands between braces.
    Map(Entries, bool),
}

/// The entries of a mapping, keys that stand twice among them.
pub type Entries = Vec<(Node, Node)>;

impl Node {
    /// A text in quotes at `place`.
    pub fn text(text: impl Into<String>, place: Place) -> Self {
        let kind = Kind::Scalar(text.into(), false);
        Self { kind, place }
    }

    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&Entries> {
        match &self.kind {
            Kind::Map(entries, _) => Some(entries),
            _ => None,
        }
    }

    /// Whether it is null: nothing, or one of YAML's words for it.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, true) if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Hides what is secret in all its texts.
    pub fn redact(&mut self, secrets: &Secrets) {
        match &mut self.kind {
            Kind::Scalar(text, _) => *text = secrets.redact(text),
            Kind::List(items, _) => items.iter_mut().for_each(|item| item.redact(secrets)),
            Kind::Map(entries, _) => entries.iter_mut().for_each(|(key, value)| {
                key.redact(secrets);
                value.redact(secrets);
            }),
        }
    }

    /// How many nodes it is.
    fn count(&self) -> usize {
        let below: usize = match &self.kind {
            Kind::Scalar(..) => 0,
            Kind::List(items, _) => items.iter().map(Self::count).sum(),
            Kind::Map(entries, _) => entries
                .iter()
                .map(|(key, value)| key.count() + value.count())
                .sum(),
        };
        below + 1
    }
}

/// What is no tree that a playbook could be, and its line and column.
pub type NoTree = (String, usize, usize);

/// Reads one document; none where there is nothing in it.
///
/// # Errors
/// What is wrong, and where.
pub fn parse(text: &str, part: usize) -> Result<Option<Node>, NoTree> {
    let mut reading = Reading {
        parser: Parser::new_from_str(text),
        part,
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, span) = reading.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event if root.is_none() => root = Some(reading.node(event, span)?),
            _ => return Err(reading.wrong("a second document stands here, and a playbook is one", span)),
        }
    }
}

struct Reading<'t> {
    parser: Parser<'t, serde_saphyr::granit_parser::StrInput<'t>>,
    part: usize,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'t> Reading<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), NoTree> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker();
                Err((error.info().to_owned(), at.line().max(1), at.col() + 1))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn place(&self, span: Span) -> Place {
        Place {
            part: self.part,
            line: span.start.line().max(1),
            column: span.start.col() + 1,
        }
    }

    fn wrong(&self, message: &str, span: Span) -> NoTree {
        let place = self.place(span);
        (message.to_owned(), place.line, place.column)
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, NoTree> {
        let place = self.place(span);
        self.nodes += 1;
        let (kind, anchor, tag) = match event {
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id) else {
                    return Err(self.wrong("this stands within what it repeats", span));
                };
                self.nodes += node.count();
                if self.nodes > MOST {
                    return Err(self.wrong(
                        "with what is repeated here, this is too much for a playbook",
                        span,
                    ));
                }
                let kind = node.kind.clone();
                return Ok(Node { kind, place });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar(text.into_owned(), style == ScalarStyle::Plain);
                (kind, anchor, tag)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span)?),
                    }
                }
                (Kind::List(items, style == StructureStyle::Flow), anchor, tag)
            }
            Event::MappingStart(style, anchor, tag) => {
                let entries = self.entries()?;
                (Kind::Map(entries, style == StructureStyle::Flow), anchor, tag)
            }
            _ => return Err(self.wrong("this is nothing that a playbook could hold", span)),
        };
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(self.wrong("a tag (`!…`) stands here, and means nothing in a playbook", span));
        }
        let node = Node { kind, place };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The entries of a mapping, what is merged into it (`<<`) among them.
    fn entries(&mut self) -> Result<Entries, NoTree> {
        let (mut own, mut merged) = (Entries::new(), Entries::new());
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, span)?;
            if key.scalar().is_none() {
                return Err(self.wrong("a single value is needed here: the key of an entry", span));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            match value.kind {
                Kind::Map(entries, _) if merges => merged.extend(entries),
                Kind::List(maps, _) if merges && maps.iter().all(|map| map.entries().is_some()) => {
                    merged.extend(maps.into_iter().flat_map(|map| map.entries().cloned()).flatten());
                }
                kind => own.push((key, Node { kind, ..value })),
            }
        }
        for (key, value) in merged {
            if !own.iter().any(|(there, _)| there.scalar() == key.scalar()) {
                own.push((key, value));
            }
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_places_and_repeats_what_is_referred_to() {
        let text = "a: &x { p: 1 }\nb: *x\nc:\n  <<: *x\n  p: 2\n  q: [3]\n";
        let root = parse(text, 7).expect("a tree").expect("a root");
        let entries = root.entries().expect("a mapping");
        let place = |line, column| Place {
            part: 7,
            line,
            column,
        };
        assert_eq!(entries[1].1.place, place(2, 4));
        assert_eq!(
            entries[1].1.entries().expect("a mapping")[0].1.place,
            place(1, 12)
        );
        let merged = entries[2].1.entries().expect("a mapping");
        let keys: Vec<_> = merged
            .iter()
            .map(|(key, value)| (key.scalar(), value.scalar()))
            .collect();
        assert_eq!(keys, [(Some("p"), Some("2")), (Some("q"), None)]);
    }

    #[test]
    fn what_is_no_playbook_has_a_place() {
        let wrong = |text: &str| parse(text, 0).expect_err(text);
        assert_eq!((wrong("a: 1\n---\nb: 2\n").1, wrong("a: !x 1\n").1), (3, 1));
        let mut bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for (next, last) in ["b", "c", "d", "e", "f", "g"]
            .iter()
            .zip(["a", "b", "c", "d", "e", "f"])
        {
            bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 10].join(","));
        }
        assert!(wrong(&bomb).0.contains("too much"));
    }
}
