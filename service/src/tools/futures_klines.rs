//! `get_futures_klines`: candles on Binance USDT futures.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{Candles, FUTURES};
use crate::input::{Count, Interval, Pair};
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

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
    const NAME: &str = "get_futures_klines";
    const TITLE: &str = "Futures candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance USDT futures, oldest first, the last one still open.";
    const ROUTE: &str = "/binance/futures/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    type Input = Input;
    type Output = Candles;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let candles = futures::candles(ask, &input.symbol, input.interval, input.limit.0).await?;
        Ok(Candles::new(input.symbol, input.interval, FUTURES, &candles))
    }
}
