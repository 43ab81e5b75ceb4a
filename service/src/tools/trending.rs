//! `get_trending`: what is searched for most.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::Coin;
use crate::input::Count;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::coingecko;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// How many coins at most.
    #[serde(default)]
    limit: Count<15, 30>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Trending {
    /// How many coins follow.
    count: usize,
    /// Most searched first.
    coins: Vec<Coin>,
}

impl Tool for Definition {
    const NAME: &str = "get_trending";
    const TITLE: &str = "Trending coins";
    const DESCRIPTION: &str =
        "The coins that are searched for most on CoinGecko, with price and change over 24 hours.";
    const ROUTE: &str = "/coingecko/trending";
    const EXAMPLE: &str = "limit=7";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = Trending;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Trending, Failure> {
        let trending = coingecko::trending(ask).await?;
        let coins: Vec<Coin> = trending
            .coins
            .iter()
            .take(input.limit.0 as usize)
            .map(|coin| Coin::new(&coin.item))
            .collect();
        Ok(Trending {
            count: coins.len(),
            coins,
        })
    }
}
