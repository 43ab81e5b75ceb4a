//! `get_futures_price`: the last price of a contract.

use super::answers::{FUTURES, Price};
use super::inputs::OfPair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_futures_price";
    const TITLE: &str = "Futures price";
    const DESCRIPTION: &str = "The last price of a contract on Binance USDT futures.";
    const ROUTE: &str = "/binance/futures/price";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Futures;
    type Input = OfPair;
    type Output = Price;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Price, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let price = futures::price(ask, &pair).await?;
        Ok(Price::new(&price.symbol, price.price, FUTURES))
    }
}
