//! `search_symbols`: pairs whose name contains a text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Price, SPOT, cut};
use crate::input::{Count, Words};
use crate::pair::sought;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// A part of the name, such as BTC.
    query: Words,
    /// How many pairs at most.
    #[serde(default)]
    limit: Count<20, 100>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Found {
    /// What was looked for.
    query: String,
    /// How many pairs match.
    total: usize,
    /// There when the list was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<String>,
    /// The best matches.
    symbols: Vec<Price>,
}

impl Tool for Definition {
    const NAME: &str = "search_symbols";
    const TITLE: &str = "Search pairs";
    const DESCRIPTION: &str = "Pairs on Binance spot whose name contains a text, with their prices.";
    const ROUTE: &str = "/binance/search";
    const EXAMPLE: &str = "query=BTC";
    const SET: Set = Set::Spot;
    const COMPACT: bool = true;
    type Input = Input;
    type Output = Found;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Found, Failure> {
        let wanted = sought(&input.query.0);
        let prices = spot::prices(ask).await?;
        let mut matches: Vec<_> = prices
            .iter()
            .filter(|price| price.symbol.contains(&wanted))
            .collect();
        // A coin against dollars is likeliest meant, then a name that begins with the text; among equals the shorter.
        let usual = format!("{wanted}USDT");
        matches.sort_by_key(|price| {
            let name = &price.symbol;
            (
                *name != wanted && *name != usual,
                !name.starts_with(&wanted),
                name.len(),
                name.clone(),
            )
        });
        let total = matches.len();
        matches.truncate(input.limit.0 as usize);
        Ok(Found {
            query: wanted,
            total,
            cut: cut(matches.len(), total),
            symbols: matches
                .into_iter()
                .map(|price| Price::new(&price.symbol, price.price, SPOT))
                .collect(),
        })
    }
}
