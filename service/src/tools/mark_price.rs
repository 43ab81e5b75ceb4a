//! `get_mark_price`: the price that positions are valued at.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::percent;
use super::inputs::OfPair;
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
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
    /// The same in ISO 8601.
    time_iso: String,
}

impl Tool for Definition {
    const NAME: &str = "get_mark_price";
    const TITLE: &str = "Mark price";
    const DESCRIPTION: &str = "The price that positions in a contract on Binance USDT futures are valued at, with the index price and the distance between them.";
    const ROUTE: &str = "/binance/futures/mark-price";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Futures;
    type Input = OfPair;
    type Output = Mark;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Mark, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let premium = futures::premium(ask, &pair).await?;
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
            time_iso: iso(premium.time),
        })
    }
}
