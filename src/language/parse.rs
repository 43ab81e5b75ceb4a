//! YAML → declarations. The only file that knows YAML, with `recover`, `watch`, `node` and `expanded` beside it.

use serde::de::DeserializeOwned;
use serde_saphyr::Error;

use super::error::PlaybookError;
use super::expanded::{Expanded, File, UNKNOWN};
use super::recover;
use super::scope::{TOLD, nearest, whole};
use super::watch::TWICE;

/// What could be read of a text.
#[derive(Debug)]
pub struct Parsed<T> {
    /// The value without what is wrong; none where nothing is left of it.
    pub value: Option<T>,
    /// What is wrong, with its place in the text.
    pub errors: Vec<PlaybookError>,
    /// The keys that lead to what was left out.
    pub left_out: Vec<Vec<String>>,
}

/// Reads a text as far as it is right.
pub fn from_str<T: DeserializeOwned>(file: &str, text: &str) -> Parsed<T> {
    if let Some((line, column)) = leading_tab(text) {
        let tab = PlaybookError::at(file, text, line, column, "a tab stands where YAML wants blanks");
        return Parsed {
            value: None,
            errors: vec![tab.with_help(Some("indent with blanks".into()))],
            left_out: Vec::new(),
        };
    }
    read(text, &|line, column, message| {
        PlaybookError::at(file, text, line, column, message)
    })
}

/// Reads what files were made into as far as it is right; what is wrong is told of the files.
pub fn from_expanded<T: DeserializeOwned>(expanded: &Expanded, files: &[File]) -> Parsed<T> {
    read(expanded.text(), &|line, column, message| {
        let place = expanded.place(line, column);
        let written = files
            .get(place.part)
            .and_then(|file| file.text.lines().nth(place.line - 1));
        let word: String = written
            .unwrap_or_default()
            .chars()
            .skip(place.column - 1)
            .collect();
        let word = word
            .trim_start_matches(['"', '\''])
            .split(['"', '\'', ' ', ','])
            .next();
        let message = match word.and_then(whole) {
            Some(_) if message == NEEDED => "this variable is null, and a value is needed here".into(),
            _ => message,
        };
        expanded.error(files, line, column, message)
    })
}

fn read<T: DeserializeOwned>(text: &str, place: &dyn Fn(usize, usize, String) -> PlaybookError) -> Parsed<T> {
    let read = recover::read(text);
    let errors = read.errors.iter().map(|error| explain(place, error));
    let told = |error: &PlaybookError| error.message == TOLD || error.message.contains(UNKNOWN);
    Parsed {
        value: read.value,
        errors: errors.filter(|error| !told(error)).collect(),
        left_out: read.left_out,
    }
}

fn leading_tab(text: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let blank = line.trim().is_empty();
        indent
            .find('\t')
            .filter(|_| !blank)
            .map(|column| (index + 1, column + 1))
    })
}

fn explain(at: &dyn Fn(usize, usize, String) -> PlaybookError, error: &Error) -> PlaybookError {
    let (message, help) = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => (
            format!(
                "`{field}` is not a key here{}",
                nearest(field, expected.iter().copied())
            ),
            Some(format!("known keys: {}", expected.join(", "))),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!(
                "`{variant}` is not a value here{}",
                nearest(variant, expected.iter().copied())
            ),
            Some(format!("known values: {}", expected.join(", "))),
        ),
        Error::SerdeMissingField { field, .. } => (format!("`{field}` is missing here"), None),
        other => {
            let message = plainly(&first_line(&other.to_string())).to_owned();
            let twice = message.ends_with(TWICE);
            let help = twice.then(|| "names are identities: remove one of the two, or rename it".into());
            (message, help)
        }
    };
    let place = error.location();
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    let (line, column) = place.map_or((1, 1), |place| (number(place.line()), number(place.column())));
    at(line.max(1), column.max(1), message).with_help(help)
}

/// What is said where a value is missing.
const NEEDED: &str = "a value is needed here";

/// The parser's own words for the commonest mistakes, as a person says them.
fn plainly(message: &str) -> &str {
    match message {
        "expected mapping start" => "a mapping (`key: value` lines, or `{}`) is needed here",
        "expected sequence start" => "a list (`- value` lines, or `[a, b]`) is needed here",
        "expected string scalar" => "a single value is needed here",
        message if message.starts_with("cannot deserialize null into string") => NEEDED,
        message => message,
    }
}

/// A message's first line, without the parser's `error:` before it and the place behind it: that is shown with the
/// source line.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = match line.find(" at line ") {
        Some(at) => &line[..at],
        None => line,
    };
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
