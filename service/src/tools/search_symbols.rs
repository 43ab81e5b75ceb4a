//! `search_symbols`: pairs whose name contains a text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Price, SPOT, cut};
use crate::input::{Count, Words};
use crate::tool::Tool;
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
    type Input = Input;
    type Output = Found;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Found, Failure> {
        let wanted = input.query.0.to_uppercase();
        let prices = spot::prices(ask).await?;
        let mut matches: Vec<_> = prices
            .iter()
            .filter(|price| price.symbol.contains(&wanted))
            .collect();
        // A name that begins with the text is likelier meant; among equals the shorter.
        matches.sort_by_key(|price| {
            (
                !price.symbol.starts_with(&wanted),
                price.symbol.len(),
                price.symbol.clone(),
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
