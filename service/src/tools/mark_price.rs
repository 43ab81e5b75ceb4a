//! `get_mark_price`: the price that positions are valued at.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::percent;
use super::inputs::OfPair;
use crate::number::Num;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Mark {
    /// The contract.
    symbol: String,
    /// What positions are valued at; none before the contract trades.
    mark_price: Option<Num>,
    /// The spot markets' price.
    index_price: Option<Num>,
    /// How far the mark is above the index.
    premium_percent: Option<Num>,
    /// When this was true, in milliseconds since 1970.
    time: i64,
}

impl Tool for Definition {
    const NAME: &str = "get_mark_price";
    const TITLE: &str = "Mark price";
    const DESCRIPTION: &str = "The price that positions in a contract on Binance USDT futures are valued at, with the index price and the distance between them.";
    const ROUTE: &str = "/binance/futures/mark-price";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = OfPair;
    type Output = Mark;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Mark, Failure> {
        let premium = futures::premium(ask, &input.symbol).await?;
        let distance = match (premium.mark_price, premium.index_price) {
            (Some(mark), Some(index)) if index.float() > 0.0 => percent(mark.float() / index.float() - 1.0),
            _ => None,
        };
        Ok(Mark {
            symbol: premium.symbol.clone(),
            mark_price: premium.mark_price,
            index_price: premium.index_price,
            premium_percent: distance,
            time: premium.time,
        })
    }
}
