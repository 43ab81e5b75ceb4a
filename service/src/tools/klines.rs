//! `get_klines`: candles on Binance spot.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{Candles, SPOT};
use crate::input::{Count, Interval, Pair};
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
    #[serde(default)]
    interval: Interval,
    /// How many candles.
    #[serde(default)]
    limit: Count<100, 500>,
}



impl Tool for Definition {
    const NAME: &str = "get_klines";
    const TITLE: &str = "Candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance spot, oldest first, the last one still open.";
    const ROUTE: &str = "/binance/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    type Input = Input;
    type Output = Candles;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let candles = spot::candles(ask, &input.symbol, input.interval, input.limit.0).await?;
        Ok(Candles::new(input.symbol, input.interval, SPOT, &candles))
    }
}
