//! `search_coins`: coins that match a text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Coin, cut};
use crate::input::{Count, Words};
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::coingecko;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// A name or symbol.
    query: Words,
    /// How many coins at most.
    #[serde(default)]
    limit: Count<10, 50>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Found {
    /// What was looked for.
    query: String,
    /// How many coins match.
    total: usize,
    /// There when the list was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<String>,
    /// The best matches.
    coins: Vec<Coin>,
}

impl Tool for Definition {
    const NAME: &str = "search_coins";
    const TITLE: &str = "Search coins";
    const DESCRIPTION: &str = "Coins on CoinGecko whose name or symbol matches a text, with the identifiers that the other tools take.";
    const ROUTE: &str = "/coingecko/search";
    const EXAMPLE: &str = "query=bitcoin";
    const SET: Set = Set::Coins;
    const COMPACT: bool = true;
    type Input = Input;
    type Output = Found;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Found, Failure> {
        let found = coingecko::search(ask, &input.query.0).await?;
        let coins: Vec<Coin> = found
            .coins
            .iter()
            .take(input.limit.0 as usize)
            .map(Coin::new)
            .collect();
        Ok(Found {
            query: input.query.0,
            total: found.coins.len(),
            cut: cut(coins.len(), found.coins.len()),
            coins,
        })
    }
}
