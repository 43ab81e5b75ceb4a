//! The exchanges: what is asked of them, and how it may fail.

mod budget;
mod exchange;
mod failure;
mod market;
mod recorded;

use exchange::Exchange;
pub use exchange::{Limits, Standing};
pub use failure::Failure;
pub use market::{Ask, Audience, Fresh, Market, Setup};
pub use recorded::answer as recorded;

pub use crate::source::Source;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// How fast an answer grows old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Prices, tickers and candles.
    Price,
    /// Answers about the whole market, which weigh more.
    List,
    /// What changes by the day: names, funding intervals.
    Reference,
}

/// How long answers of each kind are good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetimes {
    /// [`Kind::Price`].
    pub price: Duration,
    /// [`Kind::List`].
    pub list: Duration,
    /// [`Kind::Reference`].
    pub reference: Duration,
    /// How old an answer may be that is served because the source does not answer.
    pub stale: Duration,
}

impl Lifetimes {
    /// How long an answer of this kind is good.
    pub fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Price => self.price,
            Kind::List => self.list,
            Kind::Reference => self.reference,
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who is asked.
    pub source: Source,
    /// The path under the source's base URL.
    pub path: Cow<'static, str>,
    /// The parameters, in a fixed order.
    pub query: Vec<(&'static str, String)>,
    /// What the source counts for it.
    pub weight: u32,
    /// How fast the answer grows old.
    pub kind: Kind,
}

// The path and the values tell nearly all questions apart; the rest would only be more to hash.
impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
        for (_, value) in &self.query {
            value.hash(state);
        }
    }
}

impl Call {
    /// A question without parameters that weighs 1.
    pub fn new(source: Source, path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            source,
            path: path.into(),
            query: Vec::new(),
            weight: 1,
            kind: Kind::Price,
        }
    }

    /// With one more parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With what the source counts for it.
    pub fn weighs(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// With another pace of growing old than a price's.
    pub fn ages(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The one pair, contract or coin that is asked about. What traders hold is not known of all that are traded.
    pub fn about(&self) -> Option<&str> {
        if self.path.starts_with("/futures/data/") {
            return None;
        }
        let symbol = self.query.iter().find(|(name, _)| *name == "symbol");
        match symbol {
            Some((_, symbol)) => Some(symbol),
            None => self.path.strip_prefix("/coins/"),
        }
    }

    /// Path and parameters, as they stand in the URL.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone().into_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        format!("{}?{}", self.path, query.finish())
    }
}
