//! Arguments as they come: a query has only texts and says lists by commas or by repeating a name, models write
//! numbers as texts, lists as JSON in a text, and null or nothing for what they leave out.

use serde_json::Value;

use crate::schema::Object;
use crate::upstream::Failure;

/// What a tool is called with: names and values.
pub type Arguments = Vec<(String, Value)>;

/// No tool takes more arguments.
pub const MOST: usize = 32;

/// What a tool takes, by its schema.
#[derive(Debug, Clone)]
pub struct Takes(Vec<Taken>);

#[derive(Debug, Clone)]
struct Taken {
    name: String,
    form: Form,
    required: bool,
    /// The words that there are; none for any.
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Integer,
    Text,
    List,
}

impl Takes {
    /// What this schema names.
    pub fn of(input: &Object) -> Self {
        let required = input.get("required").and_then(Value::as_array);
        let required = |name: &str| required.is_some_and(|list| list.iter().any(|known| known == name));
        let properties = input.get("properties").and_then(Value::as_object);
        let taken = |(name, schema): (&String, &Value)| Taken {
            name: name.clone(),
            form: match schema["type"].as_str() {
                Some("integer") => Form::Integer,
                Some("array") => Form::List,
                _ => Form::Text,
            },
            required: required(name),
            words: [&schema["enum"], &schema["items"]["enum"]]
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect(),
        };
        Self(properties.into_iter().flatten().map(taken).collect())
    }

    /// Each argument once, in the form that the schema wants; what cannot be brought into it stays as it is, to be
    /// refused by who reads it.
    ///
    /// # Errors
    /// Names an argument that is given more than once and is no list.
    pub fn read(&self, given: Arguments) -> Result<Arguments, Failure> {
        let mut read: Arguments = Vec::with_capacity(given.len());
        for (name, value) in given {
            let known = self.0.iter().find(|taken| taken.name == name);
            // Some routers write lists as `name[]=a&name[]=b`.
            let bare = || name.strip_suffix("[]").filter(|_| known.is_none());
            let listed = bare().and_then(|bare| self.0.iter().find(|taken| taken.name == bare));
            let Some(taken) = known.or(listed) else {
                read.push((name, value));
                continue;
            };
            if taken.leaves_out(&value) {
                continue;
            }
            let value = taken.word(taken.form.read(value));
            match read.iter_mut().find(|(name, _)| *name == taken.name) {
                None => read.push((taken.name.clone(), value)),
                Some((_, Value::Array(list))) if taken.form == Form::List => match value {
                    Value::Array(more) => list.extend(more),
                    value => list.push(value),
                },
                Some((_, before)) if *before == value => {}
                Some(_) => {
                    let name = &taken.name;
                    return Err(Failure::Input(format!("`{name}` is given more than once")));
                }
            }
        }
        Ok(read)
    }
}

impl Taken {
    /// Whether a value says that there is none.
    fn leaves_out(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) if !self.required => {
                let text = text.trim();
                text.is_empty()
                    || ["null", "none", "undefined"]
                        .iter()
                        .any(|word| text.eq_ignore_ascii_case(word))
            }
            Value::Array(list) => list.is_empty() && !self.required,
            _ => false,
        }
    }

    /// The word that is meant, however it is capitalised.
    fn word(&self, value: Value) -> Value {
        let meant = |text: &str| {
            let text = text.trim();
            let exact = self.words.iter().find(|word| *word == text);
            exact.or_else(|| self.words.iter().find(|word| word.eq_ignore_ascii_case(text)))
        };
        match value {
            Value::Array(list) if !self.words.is_empty() => {
                Value::Array(list.into_iter().map(|value| self.word(value)).collect())
            }
            Value::String(text) => Value::String(meant(&text).cloned().unwrap_or(text)),
            value => value,
        }
    }
}

impl Form {
    fn read(self, value: Value) -> Value {
        match (self, value) {
            (Self::List, value) => Value::Array(listed(value)),
            // One value in a list is that value.
            (_, Value::Array(mut list)) if list.len() == 1 => self.read(list.swap_remove(0)),
            (Self::Integer, value) => whole(&value).map_or(value, Value::from),
            (Self::Text, Value::String(text)) => Value::String(unquoted(text)),
            (Self::Text, value @ (Value::Number(_) | Value::Bool(_))) => Value::String(value.to_string()),
            (Self::Text, value) => value,
        }
    }
}

/// 5 for `5`, `5.0`, `"5"` and `" 5.0 "`.
fn whole(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) if number.is_f64() => number.as_f64()?,
        Value::Number(number) => return number.as_i64(),
        Value::String(text) => {
            let text = text.trim().trim_matches('"');
            if let Ok(number) = text.parse() {
                return Some(number);
            }
            text.parse::<f64>().ok()?
        }
        _ => return None,
    };
    // Up to there every whole number is itself.
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    whole.then_some(number as i64)
}

/// A list for a list, for its JSON in a text, for texts with commas between, and for one value.
fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.into_iter().flat_map(listed).collect(),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(list @ Value::Array(_)) => listed(list),
            _ => {
                // Python writes 'a' where JSON writes "a".
                let text = text.trim().trim_start_matches('[').trim_end_matches(']');
                let parts = text.split([',', ';', '|']);
                let parts = parts.map(|part| part.trim().trim_matches(['"', '\'']).trim());
                parts.filter(|part| !part.is_empty()).map(Value::from).collect()
            }
        },
        value @ (Value::Number(_) | Value::Bool(_)) => vec![Value::String(value.to_string())],
        Value::Null => Vec::new(),
        value @ Value::Object(_) => vec![value],
    }
}

/// A text that is written as JSON, without its quotes.
fn unquoted(text: String) -> String {
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        serde_json::from_str(&text).unwrap_or(text)
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(given: &[(&str, Value)]) -> Result<Value, String> {
        let schema = json!({ "required": ["symbol"], "properties": {
            "symbol": { "type": "string" }, "limit": { "type": "integer" }, "word": { "type": "string" },
            "list": { "type": "array" }, "market": { "type": "string", "enum": ["spot", "futures"] },
        } });
        let Value::Object(schema) = schema else {
            unreachable!()
        };
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let read = Takes::of(&schema).read(given.collect());
        read.map(|read| Value::Object(read.into_iter().collect()))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_list_is_read_in_every_form() {
        let wanted = Ok(json!({ "list": ["usd", "eur"] }));
        for value in [
            json!(["usd", "eur"]),
            json!("usd,eur"),
            json!(" usd , eur "),
            json!(r#"["usd","eur"]"#),
            json!("['usd', 'eur']"),
            json!("[usd, eur]"),
            json!(["usd,eur"]),
            json!("usd;eur"),
        ] {
            assert_eq!(read(&[("list", value.clone())]), wanted, "{value}");
        }
        assert_eq!(read(&[("list", json!("usd")), ("list", json!("eur"))]), wanted);
        assert_eq!(
            read(&[("list[]", json!("usd")), ("list[]", json!("eur"))]),
            wanted
        );
        assert_eq!(read(&[("list", json!(7))]), Ok(json!({ "list": ["7"] })));
    }

    #[test]
    fn a_whole_number_is_read_in_every_form() {
        for value in [
            json!(5),
            json!(5.0),
            json!("5"),
            json!(" 5.0 "),
            json!("5e0"),
            json!([5]),
        ] {
            assert_eq!(
                read(&[("limit", value.clone())]),
                Ok(json!({ "limit": 5 })),
                "{value}"
            );
        }
        for value in [json!(5.5), json!("x"), json!(true)] {
            assert_eq!(read(&[("limit", value.clone())]), Ok(json!({ "limit": value })));
        }
    }

    #[test]
    fn a_text_is_read_in_every_form_and_nothing_is_left_out() {
        assert_eq!(read(&[("word", json!("\"1h\""))]), Ok(json!({ "word": "1h" })));
        assert_eq!(
            read(&[("market", json!(" SPOT "))]),
            Ok(json!({ "market": "spot" }))
        );
        assert_eq!(read(&[("symbol", json!(1000))]), Ok(json!({ "symbol": "1000" })));
        for nothing in [json!(null), json!(""), json!("null"), json!("None")] {
            assert_eq!(read(&[("word", nothing)]), Ok(json!({})));
        }
        assert_eq!(read(&[("symbol", json!(""))]), Ok(json!({ "symbol": "" })));
        let twice = |second: &str| read(&[("symbol", json!("BTC")), ("symbol", json!(second))]);
        assert_eq!(twice("BTC"), Ok(json!({ "symbol": "BTC" })));
        assert_eq!(twice("ETH"), Err("`symbol` is given more than once".into()));
    }
}
