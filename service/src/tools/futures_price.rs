//! `get_futures_price`: the last price of a contract.

use super::answers::{FUTURES, Price};
use super::inputs::OfPair;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_futures_price";
    const TITLE: &str = "Futures price";
    const DESCRIPTION: &str = "The last price of a contract on Binance USDT futures.";
    const ROUTE: &str = "/binance/futures/price";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = OfPair;
    type Output = Price;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Price, Failure> {
        let price = futures::price(ask, &input.symbol).await?;
        Ok(Price::new(&price.symbol, price.price, FUTURES))
    }
}
