//! What a tool is: one description, from which the MCP tool, the REST route and their documentation are made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::upstream::{Ask, Failure, Fresh, Market};

/// A JSON object.
pub type Object = Map<String, Value>;
/// What a tool is called with: names, each once, and values.
pub type Arguments = Vec<(String, Value)>;

/// No tool takes more arguments.
pub const MOST: usize = 32;

/// One tool. It only reads.
pub trait Tool: 'static {
    /// The name that models call it by.
    const NAME: &'static str;
    /// The name for people.
    const TITLE: &'static str;
    /// What it is good for, in a sentence or two.
    const DESCRIPTION: &'static str;
    /// Its path over REST.
    const ROUTE: &'static str;
    /// A query that works: `symbol=BTC`.
    const EXAMPLE: &'static str;
    /// What it takes.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// What it answers: an object.
    type Output: Serialize + JsonSchema + 'static;

    /// What the route answers: JSON, or kinds of pictures.
    const MEDIA: &'static [&'static str] = &["application/json"];

    /// Answers.
    ///
    /// # Errors
    /// When the question is wrong or cannot be answered now.
    fn run(input: Self::Input, ask: &Ask<'_>) -> impl Future<Output = Result<Self::Output, Failure>> + Send;

    /// Takes the picture out of an answer that has one.
    fn picture(_answer: &mut Self::Output) -> Option<Picture> {
        None
    }
}

/// A picture.
#[derive(Debug)]
pub struct Picture {
    /// Its media type.
    pub media: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a tool answers.
#[derive(Debug)]
pub struct Reply {
    /// The answer: an object that says so when it is recorded or older than it should be.
    pub answer: Value,
    /// The answer's picture; the route answers with it alone.
    pub picture: Option<Picture>,
    /// Whether the answer is a recorded one.
    pub recorded: bool,
    /// How old the answer is, when it is older than it should be.
    pub stale_seconds: Option<u64>,
    /// Until when the same arguments give the same answer; none when nothing is known of that.
    pub fresh: Option<Fresh>,
}

/// An answer and its picture: what is left of a tool's types when it has run.
type Ran = (Value, Option<Picture>);
type Running<'a> = Pin<Box<dyn Future<Output = Result<Ran, Failure>> + Send + 'a>>;

/// A tool's description, with its types gone.
#[derive(Debug, Clone)]
pub struct Described {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub route: &'static str,
    pub example: &'static str,
    pub input: Arc<Object>,
    pub output: Arc<Object>,
    pub media: &'static [&'static str],
    lenient: Vec<(String, Lenient)>,
    run: for<'a> fn(Arguments, &'a Ask<'a>) -> Running<'a>,
}

/// What an argument is that may be written as text.
#[derive(Debug, Clone, Copy)]
enum Lenient {
    Integer,
    Array,
}

impl Described {
    /// The description of `T`.
    pub fn of<T: Tool>() -> Self {
        let mut output = schema(T::Output::json_schema);
        mark_schema(&mut output);
        let input = schema(T::Input::json_schema);
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            route: T::ROUTE,
            example: T::EXAMPLE,
            lenient: lenient(&input),
            input: Arc::new(input),
            output: Arc::new(output),
            media: T::MEDIA,
            run: |arguments, ask| Box::pin(run::<T>(arguments, ask)),
        }
    }

    /// Calls the tool. What is recorded or older than it should be is marked.
    ///
    /// # Errors
    /// When the arguments are wrong or there is no answer.
    pub async fn call(&self, arguments: Arguments, market: &Market) -> Result<Reply, Failure> {
        let arguments = self.coerced(arguments);
        let ask = Ask::new(market);
        let (mut answer, picture) = (self.run)(arguments, &ask).await?;
        let recorded = ask.is_recorded();
        let stale_seconds = ask.stale_seconds();
        if recorded {
            answer["upstream"] = "recorded".into();
        }
        if let Some(seconds) = stale_seconds {
            answer["stale_seconds"] = seconds.into();
        }
        Ok(Reply {
            answer,
            picture,
            recorded,
            stale_seconds,
            fresh: ask.fresh(),
        })
    }

    /// Arguments with the types that the schema wants: a query has only strings, and models write
    /// numbers as strings and leave out what they do not need by writing null.
    fn coerced(&self, mut arguments: Arguments) -> Arguments {
        arguments.retain(|(_, value)| !value.is_null());
        for (name, lenient) in &self.lenient {
            let Some((_, value)) = arguments.iter_mut().find(|(given, _)| given == name) else {
                continue;
            };
            let Value::String(text) = &*value else {
                continue;
            };
            let meant = match lenient {
                Lenient::Integer => text.trim().parse::<i64>().ok().map(Value::from),
                Lenient::Array => Some(match serde_json::from_str(text) {
                    Ok(list @ Value::Array(_)) => list,
                    _ => text.split(',').filter(|part| !part.trim().is_empty()).collect(),
                }),
            };
            if let Some(meant) = meant {
                *value = meant;
            }
        }
        arguments
    }
}

/// The arguments that this schema wants as something else than text.
fn lenient(input: &Object) -> Vec<(String, Lenient)> {
    let properties = input.get("properties").and_then(Value::as_object);
    let lenient = |(name, schema): (&String, &Value)| {
        let lenient = match schema.get("type")?.as_str()? {
            "integer" => Lenient::Integer,
            "array" => Lenient::Array,
            _ => return None,
        };
        Some((name.clone(), lenient))
    };
    properties.into_iter().flatten().filter_map(lenient).collect()
}

async fn run<T: Tool>(arguments: Arguments, ask: &Ask<'_>) -> Result<Ran, Failure> {
    let input =
        read(&arguments, |given| T::Input::deserialize(given)).map_err(|cause| wrong(T::NAME, &cause))?;
    let mut output = T::run(input, ask).await?;
    let picture = T::picture(&mut output);
    let answer = serde_json::to_value(&output).map_err(|error| unwritable(T::NAME, &error))?;
    Ok((answer, picture))
}

/// The name of what is wrong comes with it: "limit: 900 is not from 1 to 500".
fn wrong(tool: &str, cause: &str) -> Failure {
    Failure::Input(format!("{tool}: {cause}"))
}

fn unwritable(tool: &'static str, error: &serde_json::Error) -> Failure {
    Failure::Nonsense {
        source_name: tool,
        cause: error.to_string(),
    }
}

/// Arguments as serde reads them.
type Given<'a> = MapDeserializer<'a, std::vec::IntoIter<(&'a str, &'a Value)>, serde_json::Error>;

/// Reads arguments; what is wrong with one is said with its name.
fn read<T>(
    arguments: &Arguments,
    deserialize: impl for<'a> Fn(Given<'a>) -> serde_json::Result<T>,
) -> Result<T, String> {
    let error = match deserialize(without(arguments, None)) {
        Ok(input) => return Ok(input),
        Err(error) => error.to_string(),
    };
    let again = |name: &str| {
        deserialize(without(arguments, Some(name)))
            .err()
            .map(|error| error.to_string())
    };
    Err(named(error, arguments, &again))
}

fn without<'a>(arguments: &'a Arguments, left_out: Option<&str>) -> Given<'a> {
    let taken = arguments
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != left_out);
    let taken: Vec<_> = taken.map(|(name, value)| (name.as_str(), value)).collect();
    MapDeserializer::new(taken.into_iter())
}

/// serde does not say which member it read; the one without which the error changes is it. Among more than any tool
/// takes it is an unknown one, which serde names.
fn named(error: String, arguments: &Arguments, without: &dyn Fn(&str) -> Option<String>) -> String {
    if arguments.len() > MOST {
        return error;
    }
    for (name, _) in arguments {
        if without(name).as_ref() != Some(&error) && !error.contains(&format!("`{name}`")) {
            return format!("`{name}`: {error}");
        }
    }
    error
}

/// A type's schema, all of it in one piece.
fn schema(of: fn(&mut SchemaGenerator) -> Schema) -> Object {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = of(&mut settings.into_generator());
    RecursiveTransform(without_own_formats).transform(&mut schema);
    let mut schema = match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Object::new(),
    };
    // The types' names say nothing to who calls a tool.
    schema.remove("title");
    schema.remove("description");
    schema
}

/// `uint64` and its like are Rust's own: clients' validators complain of formats that they do not know.
fn without_own_formats(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
}

fn mark_schema(output: &mut Object) {
    let Some(properties) = output.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    properties.insert(
        "upstream".into(),
        json!({ "const": "recorded", "description": "There when the answer is recorded, not the market's." }),
    );
    properties.insert(
        "stale_seconds".into(),
        json!({
            "type": "integer", "minimum": 1,
            "description": "There when the source does not answer: how old this answer is.",
        }),
    );
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    use super::*;

    thread_local! {
        static READ: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts how often it is read, and is always wrong.
    struct Counting;

    impl<'de> Deserialize<'de> for Counting {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            READ.set(READ.get() + 1);
            Err(D::Error::custom("wrong"))
        }
    }

    #[test]
    fn what_is_wrong_is_not_sought_among_more_arguments_than_any_tool_takes() {
        let times = |count: usize| {
            let arguments: Arguments = (0..count).map(|name| (name.to_string(), Value::Null)).collect();
            READ.set(0);
            assert!(read(&arguments, |given| Counting::deserialize(given)).is_err());
            READ.get()
        };
        assert_eq!(times(MOST), MOST + 1);
        assert_eq!(times(MOST + 1), 1);
    }
}
