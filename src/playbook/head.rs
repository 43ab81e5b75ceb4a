//! What must be known of a playbook before the rest of it can be read: vars and where secrets come from.

use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::language::Placed;
use crate::language::scalar::{self, Name};

/// A var's value as it stands: its text, or null. Vars may use the vars above them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Var(pub Option<String>);

impl<'de> Deserialize<'de> for Var {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<Word>::deserialize(deserializer).map(|text| Self(text.map(|text| text.0)))
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

/// Where a secret's value comes from: one of `env`, `file`, `command` and `age`.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// The name of an environment variable of this machine.
    #[serde(default)]
    pub env: Option<scalar::Name>,
    /// A file on this machine, relative to the playbook; a newline at its end is not part of the secret.
    #[serde(default)]
    pub file: Option<scalar::LocalPath>,
    /// A program of this machine and its arguments, whose output is the secret, but for a newline at its end. It runs once, in
    /// the playbook's directory and without a shell: `[sh, -c, "…"]` is one.
    #[serde(default)]
    pub command: Option<Argv>,
    /// A file that age encrypted, relative to the playbook; a newline at its end is not part of the secret. It is opened with the
    /// identity that HOSTWRIGHT_AGE_IDENTITY names, else with those of `~/.config/hostwright/age.txt`, `~/.ssh/id_ed25519`
    /// and `~/.ssh/id_rsa`.
    #[serde(default)]
    pub age: Option<scalar::LocalPath>,
    /// The secret is the value of this key, where the source gives a YAML mapping.
    #[serde(default)]
    pub key: Option<scalar::Line>,
    /// Whether it may be empty: else that is an error, as it is that it is not set at all.
    #[serde(default, deserialize_with = "scalar::optional")]
    pub empty: Option<scalar::Flag>,
}

/// A program and its arguments: a list of words, or a line of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argv(pub Vec<String>);

impl Argv {
    fn new(words: Vec<String>) -> Result<Self, &'static str> {
        match words.first() {
            Some(program) if !program.is_empty() && !words.concat().contains('\0') => Ok(Self(words)),
            _ => Err("a program is needed here"),
        }
    }

    /// The words of a line, if it means the same to everybody.
    fn line(line: &str) -> Result<Self, &'static str> {
        match line.contains(['\'', '"', '\\', '$', '`', '|', '&', ';', '<', '>', '*']) {
            true => Err(
                "no shell reads this line: write the words as a list (`[pass, show, \"a b\"]`), or name the shell in it \
                 (`[sh, -c, \"…\"]`)",
            ),
            false => Self::new(line.split_whitespace().map(str::to_owned).collect()),
        }
    }
}

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Argv;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a program and its arguments, as a line or a list")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Argv, E> {
                Argv::line(text).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Argv, A::Error> {
                let words = Vec::<Word>::deserialize(SeqAccessDeserializer::new(list))?;
                Argv::new(words.into_iter().map(|word| word.0).collect()).map_err(A::Error::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Argv, A::Error> {
                Err(A::Error::custom(
                    "a line of words or a list of them is needed here",
                ))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// A word as it stands.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar::raw(deserializer).map(Self)
    }
}

impl JsonSchema for Argv {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Argv".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let word = schemars::json_schema!({ "type": ["string", "number", "boolean"] });
        schemars::json_schema!({ "anyOf": [{ "type": "array", "items": word, "minItems": 1 }, { "type": "string" }] })
    }
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

/// Values for vars; the last one of a name counts.
pub type Given = Vec<(String, Var)>;

/// Another playbook, of which this one consists, too.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Include {
    /// The other one, relative to this one. What it declares is declared here, too; the paths in it start from its own
    /// folder, and its vars and secrets are its own.
    pub playbook: scalar::LocalPath,
    /// Values for its vars in place of their own.
    #[serde(default)]
    pub vars: IndexMap<Name, Placed<Var>>,
}
