//! Declared things: where each stands in the text, and what names it.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::ordered::Ordered;
use super::scalar::{AbsPath, Name};

/// Things with a name.
pub type Named<T> = IndexMap<Name, Placed<Ordered<T>>>;
/// Things whose name is where they stand.
pub type AtPath<T> = IndexMap<AbsPath, Placed<Ordered<T>>>;

/// A value and where it stands.
#[derive(Clone, Debug, Default)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its line, from 1; 0 where it stands nowhere.
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
