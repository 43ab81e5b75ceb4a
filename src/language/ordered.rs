//! `after:`, for everything that is declared, from one place.
//!
//! serde's own way (`flatten`) does not go with `deny_unknown_fields`: a misspelt key would pass. So the key is taken
//! out of the mapping while the declaration reads it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::json;

use super::scalar::{Line, raw};

/// A declaration, and the ids of what it comes after because the playbook says so.
#[derive(Clone, Debug, Default)]
pub struct Ordered<T> {
    /// The declaration.
    pub value: T,
    /// The ids.
    pub after: Vec<Line>,
}

const AFTER: &str = "after";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        let mut after = Vec::new();
        let value = T::deserialize(Without {
            inner,
            after: &mut after,
            fields: &[],
        })?;
        Ok(Self { value, after })
    }
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let field = json!({
            "description": "Ids that it comes after.",
            "type": "array",
            "items": generator.subschema_for::<Line>(),
            "default": [],
        });
        let fields = schema
            .ensure_object()
            .entry("properties")
            .or_insert_with(|| json!({}));
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(AFTER.into(), field);
        }
        schema
    }
}

/// Something of serde's without the key `after`: a deserializer, a visitor, a mapping.
struct Without<'a, I> {
    inner: I,
    after: &'a mut Vec<Line>,
    /// The other keys.
    fields: &'static [&'static str],
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Without<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        inner: V,
    ) -> Result<V::Value, D::Error> {
        let after = self.after;
        let visitor = Without { inner, after, fields };
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    // A declaration is a mapping.
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Without<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Without {
            inner: map,
            after: self.after,
            fields: self.fields,
        })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Without<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let (mut seed, fields) = (Some(seed), self.fields);
        loop {
            let key = Key {
                seed: &mut seed,
                fields,
            };
            match self.inner.next_key_seed(key)? {
                None => return Ok(None),
                Some(Some(key)) => return Ok(Some(key)),
                Some(None) => *self.after = self.inner.next_value()?,
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

/// A key: none where it is `after`.
struct Key<'a, S> {
    seed: &'a mut Option<S>,
    fields: &'static [&'static str],
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        let key = raw(inner)?;
        if key == AFTER {
            return Ok(None);
        }
        if !self.fields.contains(&&*key) {
            // serde keeps the known keys for ever; a playbook with wrong ones is not read often.
            let known: Vec<&str> = self.fields.iter().copied().chain([AFTER]).collect();
            return Err(D::Error::unknown_field(&key, known.leak()));
        }
        let seed = self.seed.take();
        seed.map(|seed| seed.deserialize(key.into_deserializer()))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::parse::from_str;
    use crate::language::scalar::Count;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        keep: Count,
        #[serde(default)]
        more: Vec<Line>,
    }

    #[test]
    fn the_key_is_taken_out_wherever_it_stands() {
        for text in [
            "keep: 3\nafter: [a, b]",
            "after: [a, b]\nkeep: 3",
            "keep: 3\nafter: [a, b]\nmore: [c]",
        ] {
            let parsed = from_str::<Ordered<Thing>>("t.yml", text);
            assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
            let thing = parsed.value.expect("read");
            assert_eq!(thing.value.keep.0, 3);
            let after: Vec<&str> = thing.after.iter().map(|id| &*id.0).collect();
            assert_eq!(after, ["a", "b"], "{text}");
        }
        let bare = from_str::<Ordered<Thing>>("t.yml", "keep: 3")
            .value
            .expect("read");
        assert!(bare.after.is_empty() && bare.value.more.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_as_without_it() {
        let text = "afer: [a]\nafter: { a: b }\nkeep: x\nafter: [c]\n";
        let parsed = from_str::<Ordered<Thing>>("t.yml", text);
        let told: Vec<(String, Option<usize>)> = parsed
            .errors
            .iter()
            .map(|error| (error.message.clone(), error.span().map(|span| span.offset())))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "`afer` is not a key here (did you mean `after`?)".to_owned(),
                    Some(0)
                ),
                (
                    "a list (`- value` lines, or `[a, b]`) is needed here".to_owned(),
                    Some(17)
                ),
                ("`x` is not a whole number".to_owned(), Some(32)),
                ("`after` stands twice in one mapping".to_owned(), Some(34)),
            ]
        );
        let help = parsed.errors[0].help.as_deref();
        assert_eq!(help, Some("known keys: keep, more, after"));
    }
}
