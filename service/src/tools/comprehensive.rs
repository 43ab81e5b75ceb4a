//! `comprehensive_analysis`: a technical analysis on Binance spot.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::SPOT;
use super::technical::{CANDLES, Technical};
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
}



impl Tool for Definition {
    const NAME: &str = "comprehensive_analysis";
    const TITLE: &str = "Technical analysis";
    const DESCRIPTION: &str = "A pair on Binance spot over 200 one-hour candles: RSI, MACD, Bollinger bands, moving averages, patterns and a summary.";
    const ROUTE: &str = "/binance/analysis/comprehensive";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = Input;
    type Output = Technical;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Technical, Failure> {
        let candles = spot::candles(ask, &input.symbol, Interval::Hour1, CANDLES).await?;
        let day = spot::day(ask, &input.symbol).await?;
        Technical::new(&day, &candles, SPOT)
    }
}
