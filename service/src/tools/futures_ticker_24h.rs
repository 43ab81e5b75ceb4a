//! `get_futures_ticker_24h`: a contract's last 24 hours.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{FUTURES, Ticker};
use crate::input::Pair;
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
}



impl Tool for Definition {
    const NAME: &str = "get_futures_ticker_24h";
    const TITLE: &str = "Futures 24-hour ticker";
    const DESCRIPTION: &str = "A contract's last 24 hours on Binance USDT futures: price, change, high, low and volume.";
    const ROUTE: &str = "/binance/futures/ticker/24h";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = Input;
    type Output = Ticker;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Ticker, Failure> {
        let day = futures::day(ask, &input.symbol).await?;
        Ok(Ticker::new(&day, FUTURES))
    }
}
