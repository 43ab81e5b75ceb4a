//! What a tool is: one description, from which the MCP tool, the REST route and their documentation are made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::{Arguments, MOST, Takes};
use crate::schema::Object;
use crate::upstream::{Ask, Audience, Failure, Fresh, Market};
use crate::{fit, schema, time, wire};

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

    /// What it belongs to.
    const SET: Set;
    /// Whether its body is the document's, to which nothing is added but that it is recorded or old.
    const EXACT: bool = false;
    /// Whether it is one of the few that do for most questions.
    const COMPACT: bool = false;
    /// Arguments that only routes take.
    const ROUTE_ONLY: &'static [&'static str] = &[];
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

/// What tools belong together, for clients that want some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// Prices, candles, books and trades of Binance spot.
    Spot,
    /// The same of Binance futures, with funding and positions.
    Futures,
    /// Coins, by CoinGecko.
    Coins,
    /// What is calculated of candles.
    Analysis,
}

impl Set {
    /// Every set.
    pub const ALL: [Self; 4] = [Self::Spot, Self::Futures, Self::Coins, Self::Analysis];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Futures => "futures",
            Self::Coins => "coins",
            Self::Analysis => "analysis",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Spot => "Binance spot",
            Self::Futures => "Binance futures",
            Self::Coins => "CoinGecko",
            Self::Analysis => "Analysis",
        }
    }
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its media type.
    pub media: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a tool answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer: an object that says so when it is recorded or older than it should be.
    pub answer: Value,
    /// The answer's picture, which stands alone.
    pub picture: Option<Picture>,
    /// Whether the answer is a recorded one.
    pub recorded: bool,
    /// How old the answer is, when it is older than it should be.
    pub stale_seconds: Option<u64>,
    /// Who was asked.
    pub source: String,
    /// When the oldest part of the answer was so, in milliseconds since 1970.
    pub as_of: i64,
    /// Whether the answer is the document's body, to which nothing is added.
    pub exact: bool,
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
    pub set: Set,
    pub compact: bool,
    pub input: Arc<Object>,
    pub output: Arc<Object>,
    pub media: &'static [&'static str],
    pub route_only: &'static [&'static str],
    exact: bool,
    takes: Takes,
    run: for<'a> fn(&'a Arguments, &'a Ask<'a>) -> Running<'a>,
}

impl Described {
    /// The description of `T`.
    pub fn of<T: Tool>() -> Self {
        let input = schema::input(T::Input::json_schema);
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            route: T::ROUTE,
            example: T::EXAMPLE,
            set: T::SET,
            compact: T::COMPACT,
            takes: Takes::of(&input),
            input: Arc::new(input),
            output: Arc::new(schema::output(T::Output::json_schema)),
            media: T::MEDIA,
            route_only: T::ROUTE_ONLY,
            exact: T::EXACT,
            run: |arguments, ask| Box::pin(run::<T>(arguments, ask)),
        }
    }

    /// Its route with its example.
    pub fn target(&self) -> String {
        match self.example {
            "" => self.route.to_owned(),
            example => format!("{}?{example}", self.route),
        }
    }

    /// Whether it answers with pictures.
    pub fn gives_pictures(&self) -> bool {
        !self.media.contains(&"application/json")
    }

    /// Calls the tool. What is recorded or older than it should be is marked.
    ///
    /// # Errors
    /// When the arguments are wrong or there is no answer.
    pub async fn call(
        &self,
        arguments: Arguments,
        market: &Market,
        audience: Audience,
    ) -> Result<Reply, Failure> {
        let arguments = self.takes.read(arguments)?;
        let ask = Ask::new(market, audience);
        let (mut answer, picture) = match (self.run)(&arguments, &ask).await {
            // What was written may mean another name than was thought at first.
            Err(failure @ Failure::Unknown { .. }) => {
                Box::pin(wire::names::reconsider(&ask, failure)).await?;
                (self.run)(&arguments, &ask).await?
            }
            ran => ran?,
        };
        without_nulls(&mut answer);
        if let Audience::Models { room: Some(room) } = audience {
            fit::within(&mut answer, room);
        }
        let recorded = ask.is_recorded();
        let stale_seconds = ask.stale_seconds();
        if recorded {
            answer["upstream"] = "recorded".into();
        }
        if let Some(seconds) = stale_seconds {
            answer["stale_seconds"] = seconds.into();
        }
        let (source, as_of) = (ask.sources(), ask.as_of());
        if !self.exact {
            answer["source"] = source.as_str().into();
            answer["as_of"] = time::iso(as_of / 1000 * 1000).into();
        }
        Ok(Reply {
            answer,
            picture,
            recorded,
            stale_seconds,
            source,
            as_of,
            exact: self.exact,
            fresh: ask.fresh(),
        })
    }
}

/// Leaves out what there is not: each null would be a type of its own in a schema.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.values().any(Value::is_null) {
                members.retain(|_, value| !value.is_null());
            }
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(list) if list.iter().any(|value| value.is_object()) => {
            list.iter_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

async fn run<T: Tool>(arguments: &Arguments, ask: &Ask<'_>) -> Result<Ran, Failure> {
    let input =
        read(arguments, |given| T::Input::deserialize(given)).map_err(|cause| wrong(T::NAME, &cause))?;
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
