//! `get_spot_price`: the last price of a pair.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{Price, SPOT};
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
    const NAME: &str = "get_spot_price";
    const TITLE: &str = "Spot price";
    const DESCRIPTION: &str = "The last price of a pair on Binance spot.";
    const ROUTE: &str = "/binance/spot/price";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = Input;
    type Output = Price;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Price, Failure> {
        let price = spot::price(ask, &input.symbol).await?;
        Ok(Price::new(&price.symbol, price.price, SPOT))
    }
}
