//! `get_spot_price`: the last price of a pair.

use super::answers::{Price, SPOT};
use super::inputs::OfPair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::spot;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_spot_price";
    const TITLE: &str = "Spot price";
    const DESCRIPTION: &str = "The last price of a pair on Binance spot.";
    const ROUTE: &str = "/binance/spot/price";
    const EXAMPLE: &str = "symbol=BTC";
    const EXACT: bool = true;
    const SET: Set = Set::Spot;
    type Input = OfPair;
    type Output = Price;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Price, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let price = spot::price(ask, &pair).await?;
        Ok(Price::new(&price.symbol, price.price, SPOT))
    }
}
