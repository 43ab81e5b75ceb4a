//! `get_multiple_tickers`: several pairs' last 24 hours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{SPOT, Ticker};
use crate::input::{Pair, Several};
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Up to 20 coins or pairs.
    symbols: Several<Pair, 20>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Tickers {
    /// How many tickers follow.
    count: usize,
    /// One for each pair.
    tickers: Vec<Ticker>,
}

async fn first_unknown(ask: &Ask<'_>, pairs: &[Pair]) -> Failure {
    for pair in pairs {
        if let Err(failure) = spot::price(ask, pair).await {
            return failure;
        }
    }
    Failure::Input("one of the pairs has no ticker now".into())
}

impl Tool for Definition {
    const NAME: &str = "get_multiple_tickers";
    const TITLE: &str = "24-hour tickers";
    const DESCRIPTION: &str = "The last 24 hours of up to 20 pairs on Binance spot at once.";
    const ROUTE: &str = "/binance/tickers";
    const EXAMPLE: &str = "symbols=BTC,ETH";
    type Input = Input;
    type Output = Tickers;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Tickers, Failure> {
        let days = match spot::some_days(ask, &input.symbols.0).await {
            // The source does not say which of the names it does not know.
            Err(Failure::Unknown { .. }) => return Err(first_unknown(ask, &input.symbols.0).await),
            days => days?,
        };
        let tickers: Vec<Ticker> = days.iter().map(|day| Ticker::new(day, SPOT)).collect();
        Ok(Tickers {
            count: tickers.len(),
            tickers,
        })
    }
}
