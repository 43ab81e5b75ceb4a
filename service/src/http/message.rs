//! A message of JSON-RPC, as far as it is looked at before the protocol reads it: no more of it is kept than that.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// JSON-RPC's codes for what is wrong with a message.
pub const INVALID_REQUEST: i64 = -32600;
const INVALID_PARAMS: i64 = -32602;

/// What a member of a message is.
#[derive(Debug, Clone, PartialEq, Default)]
enum Part<'a> {
    /// It is not there.
    #[default]
    Nothing,
    Null,
    Whole(serde_json::Number),
    Text(Cow<'a, str>),
    Object,
    /// A fraction, a truth value or a list.
    Other,
}

/// A message, or what is none.
#[derive(Debug, Default)]
pub struct Message<'a> {
    is_object: bool,
    version: Part<'a>,
    id: Part<'a>,
    method: Part<'a>,
    is_answer: bool,
    params: Part<'a>,
    name: Part<'a>,
    arguments: Part<'a>,
}

impl Message<'_> {
    /// The message's identifier; null when it has none that can be one.
    pub fn id(&self) -> Value {
        match &self.id {
            Part::Whole(number) => Value::Number(number.clone()),
            Part::Text(text) => Value::String(text.clone().into_owned()),
            _ => Value::Null,
        }
    }

    /// The name of the tool that is called; none when no tool is.
    pub fn called(&self) -> Option<&str> {
        match (&self.method, &self.name) {
            (Part::Text(method), Part::Text(name)) if method == "tools/call" => Some(name),
            _ => None,
        }
    }

    /// Whether it has what every message must have, whatever its method.
    ///
    /// # Errors
    /// JSON-RPC's code, and what is wrong.
    pub fn checked(&self) -> Result<(), (i64, &'static str)> {
        if !self.is_object {
            return Err((INVALID_REQUEST, "a message is an object"));
        }
        if !matches!(&self.version, Part::Text(version) if version == "2.0") {
            return Err((INVALID_REQUEST, "the message lacks \"jsonrpc\": \"2.0\""));
        }
        if !matches!(self.id, Part::Nothing | Part::Whole(_) | Part::Text(_)) {
            return Err((INVALID_REQUEST, "the id is a string or a whole number"));
        }
        let method = match &self.method {
            Part::Text(method) => method,
            Part::Nothing if self.is_answer => return Ok(()),
            _ => return Err((INVALID_REQUEST, "the message has no method")),
        };
        if !matches!(self.params, Part::Nothing | Part::Object) {
            return Err((INVALID_PARAMS, "params is an object"));
        }
        if method == "tools/call" && self.id != Part::Nothing {
            if !matches!(self.name, Part::Text(_)) {
                return Err((INVALID_PARAMS, "params.name is the tool's name"));
            }
            if !matches!(self.arguments, Part::Nothing | Part::Null | Part::Object) {
                return Err((INVALID_PARAMS, "params.arguments is an object"));
            }
        }
        Ok(())
    }
}

/// Reads what a member is and passes over what is in it.
struct Kind;

impl<'de> Visitor<'de> for Kind {
    type Value = Part<'de>;

    fn expecting(&self, target: &mut fmt::Formatter<'_>) -> fmt::Result {
        target.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Part<'de>, E> {
        Ok(Part::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Part<'de>, E> {
        Ok(Part::Other)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Part<'de>, E> {
        Ok(Part::Whole(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Part<'de>, E> {
        Ok(Part::Whole(number.into()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Part<'de>, E> {
        Ok(Part::Other)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Part<'de>, E> {
        Ok(Part::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Part<'de>, E> {
        Ok(Part::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Part<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Part::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Part<'de>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Part::Object)
    }
}

impl<'de> Deserialize<'de> for Part<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Kind)
    }
}

/// The parameters: what they are, and of an object the tool's name and what its arguments are.
#[derive(Default)]
struct Params<'a> {
    is: Part<'a>,
    name: Part<'a>,
    arguments: Part<'a>,
}

struct ParamsKind;

/// What is no object is as [`Kind`] reads it.
macro_rules! as_kind {
    ($($visit:ident: $type:ty),+) => {
        $(fn $visit<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            Kind.$visit(value).map(Into::into)
        })+
    };
}

impl<'a> From<Part<'a>> for Params<'a> {
    fn from(is: Part<'a>) -> Self {
        Self {
            is,
            ..Self::default()
        }
    }
}

impl<'de> Visitor<'de> for ParamsKind {
    type Value = Params<'de>;

    fn expecting(&self, target: &mut fmt::Formatter<'_>) -> fmt::Result {
        Kind.expecting(target)
    }

    as_kind!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Params<'de>, E> {
        Kind.visit_unit().map(Into::into)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Params<'de>, A::Error> {
        Kind.visit_seq(list).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Params<'de>, A::Error> {
        let mut params = Params::from(Part::Object);
        while let Some(member) = members.next_key::<Cow<'de, str>>()? {
            match &*member {
                "name" => params.name = members.next_value()?,
                "arguments" => params.arguments = members.next_value()?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(params)
    }
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(ParamsKind)
    }
}

struct MessageKind;

impl<'a> From<Part<'a>> for Message<'a> {
    fn from(_: Part<'a>) -> Self {
        Self::default()
    }
}

impl<'de> Visitor<'de> for MessageKind {
    type Value = Message<'de>;

    fn expecting(&self, target: &mut fmt::Formatter<'_>) -> fmt::Result {
        Kind.expecting(target)
    }

    as_kind!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Message<'de>, E> {
        Kind.visit_unit().map(Into::into)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Message<'de>, A::Error> {
        Kind.visit_seq(list).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message {
            is_object: true,
            ..Message::default()
        };
        while let Some(member) = members.next_key::<Cow<'de, str>>()? {
            match &*member {
                "jsonrpc" => message.version = members.next_value()?,
                "id" => message.id = members.next_value()?,
                "method" => message.method = members.next_value()?,
                "params" => {
                    let params: Params<'de> = members.next_value()?;
                    (message.params, message.name, message.arguments) =
                        (params.is, params.name, params.arguments);
                }
                other => {
                    message.is_answer |= other == "result" || other == "error";
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(message)
    }
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(MessageKind)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Message<'_> {
        serde_json::from_str(text).expect("JSON")
    }

    /// What is wrong with a message, however it is read.
    fn wrong(text: &str) -> Option<&'static str> {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let of_value = Message::deserialize(&value).expect("a message").checked();
        assert_eq!(read(text).checked(), of_value, "{text}");
        of_value.err().map(|(_, cause)| cause)
    }

    #[test]
    fn a_call_has_a_name_and_an_identifier() {
        let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"a":[1,{}]},"name":"get_\u0070rice","arguments":{"symbol":"BTC"}}}"#;
        let message = read(call);
        assert_eq!((message.id(), message.called()), (json!(7), Some("get_price")));
        assert_eq!(wrong(call), None);
        let list =
            read(r#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/list","params":{"name":"get_price"}}"#);
        assert_eq!((list.id(), list.called()), (json!("a\"b"), None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, cause) in [
            ("3", "a message is an object"),
            ("\"x\"", "a message is an object"),
            ("null", "a message is an object"),
            ("[1,[2]]", "a message is an object"),
            (
                r#"{"id":1,"method":"ping"}"#,
                "the message lacks \"jsonrpc\": \"2.0\"",
            ),
            (
                r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
                "the message lacks \"jsonrpc\": \"2.0\"",
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
                "the id is a string or a whole number",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
                "the id is a string or a whole number",
            ),
            (
                r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
                "the id is a string or a whole number",
            ),
            (r#"{"jsonrpc":"2.0","id":1}"#, "the message has no method"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
                "the message has no method",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
                "params is an object",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
                "params is an object",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
                "params.name is the tool's name",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":3}}"#,
                "params.name is the tool's name",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"b"}}"#,
                "params.arguments is an object",
            ),
        ] {
            assert_eq!(wrong(text), Some(cause), "{text}");
        }
        for right in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":-1,"result":{"a":1}}"#,
            r#"{"jsonrpc":"2.0","id":"x","error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":null}}"#,
        ] {
            assert_eq!(wrong(right), None, "{right}");
        }
    }
}
