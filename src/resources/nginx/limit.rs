//! How much one address may ask of a site.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::language::Problem;
use crate::language::scalar::{Count, Line, optional};

/// What one address may ask; more is answered with 429.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many requests, evenly: `10r/s`, `30r/m`.
    #[serde(default, deserialize_with = "optional")]
    pub rate: Option<Line>,
    /// How many more may come at once; none unless given.
    #[serde(default, deserialize_with = "optional")]
    pub burst: Option<Count>,
    /// How many connections at a time.
    #[serde(default, deserialize_with = "optional")]
    pub connections: Option<Count>,
}

impl Limit {
    /// Refuses what does not go together, or what nginx would not read.
    pub fn check(&self) -> Result<(), Problem> {
        let is_rate = |rate: &Line| {
            let number = rate.0.strip_suffix("r/s").or_else(|| rate.0.strip_suffix("r/m"));
            number.is_some_and(|number| matches!(number.parse::<u32>(), Ok(1..)))
        };
        if let Some(rate) = self.rate.as_ref().filter(|rate| !is_rate(rate)) {
            return Err(Problem::new(
                format!("`{rate}` is not a rate"),
                "write `10r/s` or `30r/m`",
            ));
        }
        if self.burst.is_some() && self.rate.is_none() {
            return Err(Problem::new(
                "`burst` goes with `rate`, which is not there",
                "give `rate` too, or take it out",
            ));
        }
        if self.rate.is_none() && self.connections.as_ref().is_none_or(|count| count.0 == 0) {
            return Err(Problem::new(
                "`limit` limits nothing",
                "give it `rate`, `connections` or both",
            ));
        }
        Ok(())
    }

    /// It, for a template; what nginx counts has the name `zone`, which is everybody's.
    pub fn values(&self, zone: &str) -> Value {
        json!({
            "zone": zone,
            "rate": self.rate.as_ref().map(|rate| &rate.0),
            "burst": self.burst.as_ref().filter(|burst| burst.0 > 0).map(|burst| burst.0),
            "connections": self.connections.as_ref().map(|count| count.0),
        })
    }
}
