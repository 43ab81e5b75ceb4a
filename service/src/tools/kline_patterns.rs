//! `analyze_kline_patterns`: patterns in candles on Binance spot.

use schemars::JsonSchema;
use serde::Deserialize;

use super::patterns::{Patterns, WINDOW};
use crate::input::{Interval, Pair};
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Pair,
    /// How long each candle is.
    #[serde(default = "four_hours")]
    interval: Interval,
}



fn four_hours() -> Interval {
    Interval::Hour4
}

impl Tool for Definition {
    const NAME: &str = "analyze_kline_patterns";
    const TITLE: &str = "Candle patterns";
    const DESCRIPTION: &str = "Patterns (doji, hammer, engulfing, stars) in the last 8 closed candles of a pair on Binance spot, and what they are taken to announce.";
    const ROUTE: &str = "/binance/analysis/kline-patterns";
    const EXAMPLE: &str = "symbol=BTC&interval=4h";
    type Input = Input;
    type Output = Patterns;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Patterns, Failure> {
        let candles = spot::candles(ask, &input.symbol, input.interval, WINDOW).await?;
        Ok(Patterns::new(input.symbol, input.interval, &candles))
    }
}
