//! What is wrong with a playbook, and where.

use std::fmt::Display;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use crate::change::counted;
/// What is wrong with a playbook (or a file it names), and where.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct PlaybookError {
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    place: Option<Box<Place>>,
    others: Vec<PlaybookError>,
}

/// A place in a file.
#[derive(Clone, Debug)]
struct Place {
    source: NamedSource<String>,
    span: SourceSpan,
}

impl PlaybookError {
    /// An error that belongs to no line of a file.
    pub fn plain(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
            place: None,
            others: Vec::new(),
        }
    }

    /// An error at a line and column (both from 1, the column in characters) of `text`.
    pub fn at(file: &str, text: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let source = NamedSource::new(file, text.to_owned());
        let place = Place {
            source,
            span: span(text, line, column),
        };
        Self {
            message: message.into(),
            help: None,
            place: Some(Box::new(place)),
            others: Vec::new(),
        }
    }

    /// The same error with a remedy.
    pub fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// All of `errors`, handed on as the first of them; none where there is none.
    pub fn all(mut errors: Vec<Self>) -> Option<Self> {
        let others = errors.split_off(errors.len().min(1));
        let mut first = errors.pop()?;
        first.others.extend(others);
        Some(first)
    }

    /// The place in its file, in bytes.
    pub fn span(&self) -> Option<SourceSpan> {
        self.place.as_ref().map(|place| place.span)
    }
}

/// All that is wrong with a playbook, in the order in which it stands there.
#[derive(Debug, thiserror::Error)]
#[error("{} in {file}", counted(errors.len(), "error"))]
pub struct PlaybookErrors {
    file: String,
    errors: Vec<PlaybookError>,
}

impl PlaybookErrors {
    /// Puts `errors` of the playbook `file` in order. What stands in other files comes after what stands in it.
    pub fn new(file: &str, errors: Vec<PlaybookError>) -> Self {
        let mut all = Vec::new();
        for mut error in errors {
            let others = std::mem::take(&mut error.others);
            all.extend(std::iter::once(error).chain(others));
        }
        let order = |error: &PlaybookError| {
            let place = error.place.as_ref();
            let name = place.map(|place| place.source.name().to_owned());
            let rank = name.as_ref().map_or(2, |name| u8::from(name != file));
            (rank, name, place.map(|place| place.span.offset()))
        };
        all.sort_by_key(order);
        // Vars and secrets are read before the rest and with it.
        all.dedup_by(|one, other| one.message == other.message && order(one) == order(other));
        Self {
            file: file.to_owned(),
            errors: all,
        }
    }
}

impl From<PlaybookError> for PlaybookErrors {
    fn from(error: PlaybookError) -> Self {
        Self::new("", vec![error])
    }
}

impl Diagnostic for PlaybookErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors.iter().map(|error| error as &dyn Diagnostic)))
    }
}

impl Diagnostic for PlaybookError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".into()), self.span()?);
        Some(Box::new(std::iter::once(label)))
    }
}

/// The word at a line and column, as bytes of `text`.
fn span(text: &str, line: usize, column: usize) -> SourceSpan {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = &text[start..];
    let rest = rest.split('\n').next().unwrap_or_default();
    let skip: usize = rest
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let word = &rest[skip..];
    let end = word.find([' ', ',', '}', ']']).unwrap_or(word.len());
    let end = word[..end]
        .strip_suffix(':')
        .map_or(end, str::len)
        .max(usize::from(!word.is_empty()));
    SourceSpan::from((start + skip, if word.is_char_boundary(end) { end } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::span;
    use proptest::prelude::*;

    #[test]
    fn a_place_is_a_word() {
        let text = "name: a\nports: [22, 80]\n";
        assert_eq!(span(text, 2, 1), (8, 5).into());
        assert_eq!(span(text, 2, 9), (16, 2).into());
    }

    proptest! {
        #[test]
        fn any_place_of_any_text_is_within_it(text in "\\PC{0,20}\n\\PC{0,9}", line in 0_usize..5, column in 0_usize..30) {
            let span = span(&text, line, column);
            prop_assert!(text.is_char_boundary(span.offset()) && span.offset() + span.len() <= text.len());
        }
    }
}
