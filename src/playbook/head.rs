//! What must be known of a playbook before the rest of it can be read: vars and where secrets come from.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};

use crate::language::Placed;
use crate::language::scalar::{self, Name};

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
