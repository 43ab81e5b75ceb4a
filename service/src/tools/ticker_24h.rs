//! `get_ticker_24h`: a pair's last 24 hours.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{SPOT, Ticker};
use crate::input::Pair;
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
    const NAME: &str = "get_ticker_24h";
    const TITLE: &str = "24-hour ticker";
    const DESCRIPTION: &str = "A pair's last 24 hours on Binance spot: price, change, high, low and volume.";
    const ROUTE: &str = "/binance/ticker/24h";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = Input;
    type Output = Ticker;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Ticker, Failure> {
        let day = spot::day(ask, &input.symbol).await?;
        Ok(Ticker::new(&day, SPOT))
    }
}
