//! What a tool is: one description, from which the MCP tool, the REST route and their documentation are made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::upstream::{Ask, Failure, Market};

/// A JSON object.
pub type Object = Map<String, Value>;

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
    type Output: Serialize + JsonSchema;

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
    /// The answer.
    pub object: Object,
    /// The answer's picture; the route answers with it alone.
    pub picture: Option<Picture>,
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
    run: for<'a> fn(Value, &'a Ask<'a>) -> Answering<'a>,
}

impl Described {
    /// The description of `T`.
    pub fn of<T: Tool>() -> Self {
        let mut output = schema::<T::Output>();
        mark_schema(&mut output);
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            route: T::ROUTE,
            example: T::EXAMPLE,
            input: Arc::new(schema::<T::Input>()),
            output: Arc::new(output),
            media: T::MEDIA,
            run: |arguments, ask| Box::pin(run::<T>(arguments, ask)),
        }
    }

    /// Calls the tool. What is recorded or older than it should be is marked.
    ///
    /// # Errors
    /// When the arguments are wrong or there is no answer.
    pub async fn call(&self, arguments: Object, market: &Market) -> Result<Reply, Failure> {
        let arguments = self.coerced(arguments);
        let ask = Ask::new(market);
        let mut reply = (self.run)(arguments, &ask).await?;
        if market.is_recorded() {
            reply.object.insert("upstream".into(), "recorded".into());
        }
        if let Some(seconds) = ask.stale_seconds() {
            reply.object.insert("stale_seconds".into(), seconds.into());
        }
        Ok(reply)
    }

    /// Arguments with the types that the schema wants: a query has only strings, and models write
    /// numbers as strings and leave out what they do not need by writing null.
    fn coerced(&self, arguments: Object) -> Value {
        let property = |name: &str| self.input.get("properties")?.get(name)?.get("type")?.as_str();
        let coerce = |(name, value): (String, Value)| {
            let value = match (property(&name), value) {
                (_, Value::Null) => return None,
                (Some("integer"), Value::String(text)) => text
                    .trim()
                    .parse::<i64>()
                    .map_or(Value::String(text), Value::from),
                (Some("array"), Value::String(text)) => match serde_json::from_str(&text) {
                    Ok(list @ Value::Array(_)) => list,
                    _ => text.split(',').filter(|part| !part.trim().is_empty()).collect(),
                },
                (_, value) => value,
            };
            Some((name, value))
        };
        Value::Object(arguments.into_iter().filter_map(coerce).collect())
    }
}

async fn run<T: Tool>(arguments: Value, ask: &Ask<'_>) -> Result<Reply, Failure> {
    // The names of what is wrong come with it: "limit: 900 is not from 1 to 500".
    let input = from_object(arguments).map_err(|cause| Failure::Input(format!("{}: {cause}", T::NAME)))?;
    let mut answer = T::run(input, ask).await?;
    let picture = T::picture(&mut answer);
    match serde_json::to_value(answer) {
        Ok(Value::Object(object)) => Ok(Reply { object, picture }),
        other => Err(Failure::Nonsense {
            source_name: T::NAME,
            cause: match other {
                Err(error) => error.to_string(),
                Ok(_) => "the answer is no object".into(),
            },
        }),
    }
}

/// Reads arguments; what is wrong with one is said with its name.
fn from_object<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    let whole = T::deserialize(&arguments);
    let error = match whole {
        Ok(input) => return Ok(input),
        Err(error) => error.to_string(),
    };
    let Value::Object(arguments) = arguments else {
        return Err(error);
    };
    // serde does not say which member it read; the one without which the error changes is it.
    for name in arguments.keys() {
        let mut others = arguments.clone();
        others.remove(name);
        let without = T::deserialize(&Value::Object(others)).err();
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
