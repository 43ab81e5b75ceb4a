//! `get_multiple_tickers`: several pairs' last 24 hours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{SPOT, Ticker};
use crate::input::{Several, Symbol};
use crate::pair::Pair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Up to 20 coins or pairs.
    symbols: Several<Symbol, 20>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Tickers {
    /// How many tickers follow.
    count: usize,
    /// One for each pair.
    tickers: Vec<Ticker>,
}

impl Tool for Definition {
    const NAME: &str = "get_multiple_tickers";
    const TITLE: &str = "24-hour tickers";
    const DESCRIPTION: &str = "The last 24 hours of up to 20 pairs on Binance spot at once.";
    const ROUTE: &str = "/binance/tickers";
    const EXAMPLE: &str = "symbols=BTC,ETH";
    const SET: Set = Set::Spot;
    const COMPACT: bool = true;
    type Input = Input;
    type Output = Tickers;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Tickers, Failure> {
        let mut pairs: Vec<Pair> = Vec::new();
        for symbol in &input.symbols.0 {
            let pair = ask.pair(Source::Spot, symbol);
            // Two spellings of one pair are one question.
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        let days = spot::some_days(ask, &pairs).await?;
        let tickers: Vec<Ticker> = days.iter().map(|day| Ticker::new(day, SPOT)).collect();
        Ok(Tickers {
            count: tickers.len(),
            tickers,
        })
    }
}
