//! Reading on after an error: serde stops at the first one, so the text is read again without the entry in which it
//! stood, until nothing is wrong any more.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_saphyr::{DuplicateKeyPolicy, Error, Options, with_deserializer_from_str_with_options};

use super::scope::nearest;
use super::watch::{At, Pass};

/// More errors than this are not looked for: each is one more reading.
const MOST: usize = 100;

/// What could be read, and what could not.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// The value without the entries that are wrong; none where it cannot be without them.
    pub value: Option<T>,
    /// What is wrong, each but once.
    pub errors: Vec<Error>,
    /// The keys that lead to each entry that was left out.
    pub left_out: Vec<Vec<String>>,
}

/// Reads as much of a YAML text as can be read.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Read<T> {
    let mut options = Options::default();
    options.with_snippet = false;
    // What may be of several sorts is read as what it looks like: `0077` and `no` look like texts.
    options.leading_zero_numbers_as_strings = true;
    options.strict_booleans = true;
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    let mut pass = Pass::default();
    let mut errors = Vec::new();
    let value = loop {
        let cell = RefCell::new(pass);
        let result = with_deserializer_from_str_with_options(text, options.clone(), |inner| {
            T::deserialize(At::new(inner, &cell))
        });
        pass = cell.into_inner();
        let error = match result {
            Ok(value) => break Some(value),
            Err(error) => error,
        };
        let failed = pass.failed.take();
        let keys = std::mem::take(&mut pass.keys);
        if !follows(&error, failed.as_deref().unwrap_or_default(), &pass.left_out) {
            errors.push(error);
        }
        // The outermost mapping cannot be left out, nor can what no entry holds (a mistake of YAML).
        let Some(place) = failed.filter(|_| errors.len() < MOST) else {
            break None;
        };
        pass.left_out.insert(place, keys);
        pass.place.clear();
    };
    Read {
        value,
        errors,
        left_out: pass.left_out.into_values().collect(),
    }
}

/// Whether an error of the entry at `place` is there only because something in it was left out.
fn follows(error: &Error, place: &[usize], left_out: &BTreeMap<Vec<usize>, Vec<String>>) -> bool {
    let mut below = left_out
        .iter()
        .filter(|(inner, _)| inner.len() > place.len() && inner.starts_with(place));
    // A field is missing if it was left out, or a key left out that was meant to be it.
    let missing = |field: &str, (inner, keys): (&Vec<usize>, &Vec<String>)| {
        let key = keys.last().map_or("", String::as_str);
        inner.len() == place.len() + 1 && !nearest(field, [key]).is_empty()
    };
    match error.without_snippet() {
        Error::SerdeMissingField { field, .. } => below.any(|entry| missing(field, entry)),
        _ => below.next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::placed::Placed;
    use super::super::scalar::{Count, Name, optional};
    use super::*;
    use indexmap::IndexMap;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Thing {
        size: Count,
        #[serde(default, deserialize_with = "optional")]
        left: Option<Count>,
        #[serde(default)]
        list: Vec<Placed<Count>>,
    }

    #[derive(Debug, Deserialize)]
    struct Whole {
        #[serde(default)]
        things: IndexMap<Name, Placed<Thing>>,
    }

    fn said(text: &str) -> (Vec<String>, Vec<String>) {
        let read = read::<Whole>(text);
        let errors = read.errors.iter().map(|error| {
            let place = error.location().expect("a place");
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default().to_owned();
            let message = message.split(" at line").next().unwrap_or_default().to_owned();
            format!("{}:{} {message}", place.line(), place.column())
        });
        let errors = errors.collect();
        let names = read
            .value
            .map(|whole| whole.things.into_keys().map(|name| name.0));
        (errors, names.map_or(vec!["(nothing)".into()], Iterator::collect))
    }

    #[test]
    fn every_entry_that_is_wrong_is_told_and_the_others_are_read() {
        let text = "things:
  a: { size: x, left: y }
  b: { size: 1, left: y, list: [1, z, 3, w] }
  c: { size: 2 }
  d: { left: 2 }
  e: [1]
  c: { size: 3 }
  -: { size: 3 }
  f: { size: 2, sizes: 2, lefts: 3, left: 1, left: 2 }
  g: { siez: 2, left: u }
  g: { left: v }
";
        let (errors, names) = said(text);
        assert_eq!(
            errors,
            [
                "2:14 `x` is not a whole number",
                "2:23 `y` is not a whole number",
                "3:23 `y` is not a whole number",
                "3:36 `z` is not a whole number",
                "3:42 `w` is not a whole number",
                "5:8 missing field `size`",
                "6:6 expected mapping start",
                "7:3 `c` stands twice in one mapping",
                "8:3 `-` is not a name: letters, digits, `_`, `.` and `-`, the first no `.` or `-`",
                "9:17 unknown field `sizes`, expected one of size, left, list",
                "9:27 unknown field `lefts`, expected one of size, left, list",
                "9:46 `left` stands twice in one mapping",
                "10:8 unknown field `siez`, expected one of size, left, list",
                "10:23 `u` is not a whole number",
                "11:3 `g` stands twice in one mapping",
            ]
        );
        assert_eq!(names, ["b", "c", "f"]);
    }

    #[test]
    fn a_mistake_of_yaml_ends_the_reading_after_what_stands_before_it() {
        let (errors, names) = said("things:\n  a: { size: x }\n  b: {\n");
        assert_eq!(errors[0], "2:14 `x` is not a whole number");
        assert_eq!((errors.len(), names), (2, vec!["(nothing)".to_owned()]));
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_an_end(text in "(things:\n)?(  [ab]: ?[-\\[{}x1,: &*<]{0,9}\n){0,6}") {
            let _ = said_any(&text);
        }
    }

    fn said_any(text: &str) -> usize {
        read::<Whole>(text).errors.len()
    }
}
