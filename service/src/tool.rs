//! What a tool is: one description, from which the MCP tool, the REST route and their documentation are made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
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
pub struct Reply {
    tool: &'static str,
    answer: Box<dyn Answer>,
    /// The answer's picture; the route answers with it alone.
    pub picture: Option<Picture>,
    /// Whether the answer is a recorded one.
    pub recorded: bool,
    /// How old the answer is, when it is older than it should be.
    pub stale_seconds: Option<u64>,
    /// Until when the same arguments give the same answer; none when nothing is known of that.
    pub fresh: Option<Fresh>,
}

impl Reply {
    /// The answer as JSON.
    ///
    /// # Errors
    /// When it is no object.
    pub fn text(&self) -> Result<String, Failure> {
        self.answer.text(self).map_err(|error| self.nonsense(&error))
    }

    /// The answer as an object.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn object(&self) -> Result<Value, Failure> {
        self.answer.object(self).map_err(|error| self.nonsense(&error))
    }

    fn nonsense(&self, error: &serde_json::Error) -> Failure {
        Failure::Nonsense {
            source_name: self.tool,
            cause: error.to_string(),
        }
    }
}

/// Some tool's output, to be written in the form that is wanted: text needs no tree of values first.
trait Answer {
    fn text(&self, reply: &Reply) -> serde_json::Result<String>;
    fn object(&self, reply: &Reply) -> serde_json::Result<Value>;
}

impl<T: Serialize> Answer for T {
    fn text(&self, reply: &Reply) -> serde_json::Result<String> {
        serde_json::to_string(&Marked::new(self, reply))
    }

    fn object(&self, reply: &Reply) -> serde_json::Result<Value> {
        serde_json::to_value(Marked::new(self, reply))
    }
}

/// An answer that says so when it is recorded or older than it should be.
#[derive(Serialize)]
struct Marked<'a, T> {
    #[serde(flatten)]
    answer: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_seconds: Option<u64>,
}

impl<'a, T> Marked<'a, T> {
    fn new(answer: &'a T, reply: &Reply) -> Self {
        Self {
            answer,
            upstream: reply.recorded.then_some("recorded"),
            stale_seconds: reply.stale_seconds,
        }
    }
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

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
    run: for<'a> fn(Arguments, &'a Ask<'a>) -> Answering<'a>,
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
        let mut output = schema::<T::Output>();
        mark_schema(&mut output);
        let input = schema::<T::Input>();
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
        (self.run)(arguments, &ask).await
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

async fn run<T: Tool>(arguments: Arguments, ask: &Ask<'_>) -> Result<Reply, Failure> {
    // The names of what is wrong come with it: "limit: 900 is not from 1 to 500".
    let input = read(&arguments).map_err(|cause| Failure::Input(format!("{}: {cause}", T::NAME)))?;
    let mut answer = T::run(input, ask).await?;
    let picture = T::picture(&mut answer);
    Ok(Reply {
        tool: T::NAME,
        answer: Box::new(answer),
        picture,
        recorded: ask.is_recorded(),
        stale_seconds: ask.stale_seconds(),
        fresh: ask.fresh(),
    })
}

/// Reads arguments; what is wrong with one is said with its name.
fn read<T: DeserializeOwned>(arguments: &Arguments) -> Result<T, String> {
    let without = |left_out: Option<&str>| {
        let taken = arguments
            .iter()
            .filter(|(name, _)| Some(name.as_str()) != left_out);
        let taken = taken.map(|(name, value)| (name.as_str(), value));
        T::deserialize(MapDeserializer::<_, serde_json::Error>::new(taken))
    };
    let error = match without(None) {
        Ok(input) => return Ok(input),
        Err(error) => error.to_string(),
    };
    // serde does not say which member it read; the one without which the error changes is it. Among more than any tool
    // takes it is an unknown one, which serde names.
    let sought = if arguments.len() > MOST {
        &[]
    } else {
        &arguments[..]
    };
    for (name, _) in sought {
        let without = without(Some(name)).err();
        if without.is_none_or(|without| without.to_string() != error) && !error.contains(&format!("`{name}`"))
        {
            return Err(format!("`{name}`: {error}"));
        }
    }
    Err(error)
}

fn schema<T: JsonSchema>() -> Object {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(without_own_formats));
    let schema = settings.into_generator().into_root_schema_for::<T>();
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

    use serde::Deserializer;
    use serde::de::Error as _;

    use super::*;

    thread_local! {
        static READ: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts how often it is read, and is always wrong.
    struct Counting;

    impl<'de> serde::Deserialize<'de> for Counting {
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
            assert!(read::<Counting>(&arguments).is_err());
            READ.get()
        };
        assert_eq!(times(MOST), MOST + 1);
        assert_eq!(times(MOST + 1), 1);
    }
}
