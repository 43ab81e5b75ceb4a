//! serde, watched: which entry of a mapping or a list is being read, which to leave out, and in which it failed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};

use super::scalar;

/// What a key says that stands for the second time.
pub(super) const TWICE: &str = "stands twice in one mapping";

/// Where a reading is, and where it failed. A place is the numbers of the entries that lead to it.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub place: Vec<usize>,
    pub keys: Vec<String>,
    pub failed: Option<Vec<usize>>,
    /// With the keys that lead there.
    pub left_out: BTreeMap<Vec<usize>, Vec<String>>,
}

impl Pass {
    fn enter(&mut self, number: usize, key: String) {
        self.place.push(number);
        self.keys.push(key);
    }

    fn leave(&mut self) {
        self.place.pop();
        self.keys.pop();
    }

    fn is_left_out(&self) -> bool {
        self.left_out.contains_key(&self.place)
    }

    /// The innermost entry says it first.
    fn fail(&mut self) {
        if self.failed.is_none() {
            self.failed = Some(self.place.clone());
        }
    }
}

/// Something of serde's, watched: a deserializer, a visitor, a seed, an access to a mapping or a list.
pub(super) struct At<'p, I> {
    inner: I,
    pass: &'p RefCell<Pass>,
    /// A mapping that only says where a value stands, and has no entries of its own.
    spans: bool,
    next: usize,
    key: String,
    seen: HashSet<String>,
}

impl<'p, I> At<'p, I> {
    pub fn new(inner: I, pass: &'p RefCell<Pass>) -> Self {
        Self {
            inner,
            pass,
            spans: false,
            next: 0,
            key: String::new(),
            seen: HashSet::new(),
        }
    }

    fn spanning(mut self, spans: bool) -> Self {
        self.spans = spans;
        self
    }

    /// Enters the next entry; says whether it is to be read.
    fn enter(&mut self) -> bool {
        let mut pass = self.pass.borrow_mut();
        pass.enter(self.next, String::new());
        self.next += 1;
        !pass.is_left_out()
    }

    fn leave(&self) {
        self.pass.borrow_mut().leave();
    }

    fn fails<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.pass.borrow_mut().fail();
        }
        result
    }
}

/// Methods that a deserializer hands on as they are.
macro_rules! pass_on {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> { self.inner.$name(visitor) })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for At<'_, D> {
    type Error = D::Error;

    pass_on! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self {
            inner, pass, spans, ..
        } = self;
        inner.deserialize_any(At::new(visitor, pass).spanning(spans))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(At::new(visitor, self.pass))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // The name by which `Spanned` asks its deserializer for a place.
        let visitor = At::new(visitor, self.pass).spanning(name == "__yaml_spanned");
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_seq(At::new(visitor, self.pass))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self {
            inner, pass, spans, ..
        } = self;
        inner.deserialize_map(At::new(visitor, pass).spanning(spans))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self {
            inner, pass, spans, ..
        } = self;
        inner.deserialize_struct(name, fields, At::new(visitor, pass).spanning(spans))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, visitor)
    }
}

/// Values that a visitor hands on as they are.
macro_rules! visit_on {
    ($($name:ident($type:ty))*) => {
        $(fn $name<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> { self.inner.$name(value) })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for At<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit_on! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32)
        visit_f64(f64) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(At::new(inner, self.pass))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let Self {
            inner: visitor,
            pass,
            spans,
            ..
        } = self;
        visitor.visit_newtype_struct(At::new(inner, pass).spanning(spans))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(At::new(inner, self.pass))
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let Self {
            inner: visitor,
            pass,
            spans,
            ..
        } = self;
        visitor.visit_map(At::new(inner, pass).spanning(spans))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for At<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(At::new(inner, self.pass))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for At<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while !self.enter() {
            self.leave();
            if self.inner.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let element = self.inner.next_element_seed(At::new(seed, self.pass));
        let element = self.fails(element)?;
        self.leave();
        Ok(element)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for At<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while !self.spans && !self.enter() {
            self.leave();
            let (text, seen) = (&mut self.key, &mut self.seen);
            let key = Key {
                seed: PhantomData::<IgnoredAny>,
                text,
                seen,
                may_be_twice: true,
            };
            if self.inner.next_key_seed(key)?.is_none() {
                return Ok(None);
            }
            self.inner.next_value::<IgnoredAny>()?;
        }
        let Self { key, seen, .. } = self;
        let key = self.inner.next_key_seed(Key {
            seed,
            text: key,
            seen,
            may_be_twice: false,
        });
        if self.spans {
            return key;
        }
        if let Some(name) = self.pass.borrow_mut().keys.last_mut() {
            name.clone_from(&self.key);
        }
        let key = self.fails(key)?;
        if key.is_none() {
            self.leave();
        }
        Ok(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if self.spans && self.key != "value" {
            return self.inner.next_value_seed(seed);
        }
        let value = self.inner.next_value_seed(At::new(seed, self.pass));
        if self.spans {
            return value;
        }
        let value = self.fails(value)?;
        self.leave();
        Ok(value)
    }
}

/// A key: its text is noted, and must be another than those before it.
struct Key<'k, S> {
    seed: S,
    text: &'k mut String,
    seen: &'k mut HashSet<String>,
    /// Whether it is left out, and so no longer looked at.
    may_be_twice: bool,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let text = scalar::raw(inner)?;
        self.text.clone_from(&text);
        if !self.seen.insert(text.clone()) && !self.may_be_twice {
            return Err(D::Error::custom(format!("`{text}` {TWICE}")));
        }
        self.seed.deserialize(text.into_deserializer())
    }
}
