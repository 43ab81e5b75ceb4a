//! YAML → declarations. The only file that knows YAML.

use std::rc::Rc;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_saphyr::{Error, Spanned};

use super::recover;
use super::scalar::{self, Name};
use super::scope::{Scope, TOLD, nearest, within};
use super::watch::TWICE;
use super::{PlaybookError, scope};
use crate::resources::Playbook;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let place = |number: u64| usize::try_from(number).unwrap_or(1);
        let at = spanned.referenced;
        Ok(Self {
            line: place(at.line()),
            column: place(at.column()),
            value: spanned.value,
        })
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A var's value as it stands: its text, or null. Vars may use the vars above them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Var(pub Option<String>);

impl<'de> Deserialize<'de> for Var {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Raw(String);
        impl<'de> Deserialize<'de> for Raw {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                scalar::raw(deserializer).map(Self)
            }
        }
        Option::<Raw>::deserialize(deserializer).map(|text| Self(text.map(|text| text.0)))
    }
}

impl JsonSchema for Var {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Var".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean", "null"] })
    }
}

/// Where a secret's value comes from: exactly one of the two.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// The name of an environment variable of this machine.
    #[serde(default)]
    pub env: Option<scalar::Name>,
    /// A file on this machine, relative to the playbook; a newline at its end is not part of the secret.
    #[serde(default)]
    pub file: Option<scalar::LocalPath>,
    /// Whether it may be empty: else that is an error, as it is that it is not set at all.
    #[serde(default, deserialize_with = "scalar::optional")]
    pub empty: Option<scalar::Flag>,
}

/// What a rehearsal does otherwise than a deployment.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalOptions {
    /// Vars that have other values in a rehearsal.
    #[serde(default)]
    pub vars: IndexMap<Name, Var>,
}

/// The part of a playbook that must be known before the rest can be read.
#[derive(Debug, serde::Deserialize)]
pub struct Head {
    /// Declared vars.
    #[serde(default)]
    pub vars: IndexMap<Name, Placed<Var>>,
    /// Declared secrets.
    #[serde(default)]
    pub secrets: IndexMap<Name, Placed<SecretSource>>,
    /// What a rehearsal does otherwise.
    #[serde(default)]
    pub rehearsal: RehearsalOptions,
}

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

/// Reads the vars and secrets of a playbook.
pub fn head(file: &str, text: &str) -> Parsed<Head> {
    from_str(file, text)
}

/// Reads a whole playbook with its variables put in.
pub fn playbook(file: &str, text: &str, scope: &Rc<Scope>) -> Parsed<Playbook> {
    within(scope, || from_str(file, text))
}

/// Reads a file of vars: one mapping of names to values.
pub fn vars(file: &str, text: &str) -> Parsed<IndexMap<Name, Var>> {
    from_str(file, text)
}

fn from_str<T: DeserializeOwned>(file: &str, text: &str) -> Parsed<T> {
    if let Some((line, column)) = leading_tab(text) {
        let tab = PlaybookError::at(file, text, line, column, "a tab stands where YAML wants blanks");
        return Parsed {
            value: None,
            errors: vec![tab.with_help(Some("indent with blanks".into()))],
            left_out: Vec::new(),
        };
    }
    let read = recover::read(text);
    let errors = read.errors.iter().map(|error| explain(file, text, error));
    Parsed {
        value: read.value,
        errors: errors.filter(|error| error.message != TOLD).collect(),
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

fn explain(file: &str, text: &str, error: &Error) -> PlaybookError {
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
    PlaybookError::at(file, text, line.max(1), column.max(1), message).with_help(help)
}

/// The parser's own words for the commonest mistakes, as a person says them.
fn plainly(message: &str) -> &str {
    match message {
        "expected mapping start" => "a mapping (`key: value` lines, or `{}`) is needed here",
        "expected sequence start" => "a list (`- value` lines, or `[a, b]`) is needed here",
        "expected string scalar" => "a single value is needed here",
        message if message.starts_with("cannot deserialize null into string") => "a value is needed here",
        message => message,
    }
}

/// The message without the place that the parser writes behind it: the place is shown with the source line.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = match line.find(" at line ") {
        Some(at) => &line[..at],
        None => line,
    };
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Puts declared values, then those given on the command line, into a scope.
pub fn expand_var(scope: &Scope, value: &Var) -> Result<Option<String>, String> {
    match &value.0 {
        None => Ok(None),
        Some(text) => scope::expand_in(text, scope),
    }
}
