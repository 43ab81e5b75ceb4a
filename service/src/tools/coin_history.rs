//! `get_coin_market_chart`: a coin's past.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::answers::percent;
use crate::input::{Count, Slug};
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::coingecko;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// An identifier such as bitcoin; search_coins finds it.
    coin_id: Slug,
    /// A currency such as usd or eur; usd when nothing is said.
    vs_currency: Option<Slug>,
    /// How many days back.
    #[serde(default)]
    days: Count<30, 365>,
    /// How many points at most, evenly chosen.
    #[serde(default)]
    limit: Count<100, 365>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct History {
    /// The coin's identifier.
    coin: String,
    /// The currency.
    currency: String,
    /// From the first point to the last.
    change_percent: Option<Num>,
    /// How many points follow.
    count: usize,
    /// What the values of a row are: the moment in ISO 8601 and in milliseconds since 1970, the price, the value of all
    /// coins, and what was traded in 24 hours.
    columns: [&'static str; 5],
    /// Oldest first.
    rows: Vec<Row>,
}

const COLUMNS: [&str; 5] = ["time", "time_ms", "price", "market_cap", "volume_24h"];

/// One point.
#[derive(Serialize)]
struct Row(String, i64, Option<Num>, Option<Num>, Option<Num>);

impl JsonSchema for Row {
    fn schema_name() -> Cow<'static, str> {
        "Point".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": COLUMNS.len(), "maxItems": COLUMNS.len() })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// So many of `count` places, evenly chosen, the last among them.
fn chosen(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    (1..=taken).map(move |place| place * count / taken - 1)
}

impl Tool for Definition {
    const NAME: &str = "get_coin_market_chart";
    const TITLE: &str = "Coin history";
    const DESCRIPTION: &str =
        "Price, market value and volume of a coin over the last days by CoinGecko, as rows, oldest first.";
    const ROUTE: &str = "/coingecko/market-chart";
    const EXAMPLE: &str = "coin_id=bitcoin&days=30";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = History;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<History, Failure> {
        let currency = input
            .vs_currency
            .map_or_else(|| "usd".to_owned(), |currency| currency.0);
        let past = coingecko::past(ask, &input.coin_id, &currency, input.days.0).await?;
        let ends = past.prices.first().zip(past.prices.last());
        let change = ends.and_then(|((_, first), (_, last))| {
            let first = (*first)?.float();
            percent(((*last)?.float() - first) / first)
        });
        let value = |values: &[(i64, Option<Num>)], at: usize| values.get(at).and_then(|(_, value)| *value);
        let rows = chosen(past.prices.len(), input.limit.0 as usize).map(|at| {
            let (time, price) = past.prices[at];
            Row(
                iso(time),
                time,
                price,
                value(&past.market_caps, at),
                value(&past.total_volumes, at),
            )
        });
        let rows: Vec<Row> = rows.collect();
        Ok(History {
            coin: input.coin_id.0,
            currency,
            change_percent: change,
            count: rows.len(),
            columns: COLUMNS,
            rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_chosen_evenly_with_the_last() {
        let places = |count, most| chosen(count, most).collect::<Vec<_>>();
        assert_eq!(places(10, 5), [1, 3, 5, 7, 9]);
        assert_eq!(places(3, 100), [0, 1, 2]);
        assert!(places(0, 5).is_empty());
    }
}
