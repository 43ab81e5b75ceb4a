//! `get_order_book`: what is offered and wanted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::percent;
use crate::input::{Count, Market, Symbol};
use crate::number::Num;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::{futures, spot};

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Symbol,
    /// Which market.
    #[serde(default)]
    market: Market,
    /// How many prices of each side.
    #[serde(default)]
    limit: Count<20, 100>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Orders {
    /// The pair.
    symbol: String,
    /// Which market.
    market: Market,
    /// Between the best of both sides, in the quote currency.
    spread: Option<Num>,
    /// The same, of the price between them, in percent.
    spread_percent: Option<Num>,
    /// All that is wanted here, in the quote currency.
    bids_value: Option<Num>,
    /// All that is offered here, in the quote currency.
    asks_value: Option<Num>,
    /// What is wanted, the highest price first: price and amount in the base currency.
    bids: Vec<[Num; 2]>,
    /// What is offered, the lowest price first: price and amount in the base currency.
    asks: Vec<[Num; 2]>,
}

fn value(side: &[[Num; 2]]) -> Option<Num> {
    let value: f64 = side
        .iter()
        .map(|[price, amount]| price.float() * amount.float())
        .sum();
    Num::significant(value, 8)
}

impl Tool for Definition {
    const NAME: &str = "get_order_book";
    const TITLE: &str = "Order book";
    const DESCRIPTION: &str = "What is offered and wanted of a pair on Binance spot or futures now: the best prices of both sides and the spread.";
    const ROUTE: &str = "/binance/order-book";
    const EXAMPLE: &str = "symbol=BTC&market=spot&limit=10";
    const SET: Set = Set::Spot;
    type Input = Input;
    type Output = Orders;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Orders, Failure> {
        let pair = ask.pair(input.market.source(), &input.symbol);
        let book = match input.market {
            Market::Spot => spot::book(ask, &pair, input.limit.0).await?,
            Market::Futures => futures::book(ask, &pair, input.limit.0).await?,
        };
        let side = |orders: &[(Num, Num)]| -> Vec<[Num; 2]> {
            let best = orders.iter().take(input.limit.0 as usize);
            best.map(|(price, amount)| [*price, *amount]).collect()
        };
        let (bids, asks) = (side(&book.bids), side(&book.asks));
        let best = bids.first().zip(asks.first());
        let spread = best.map(|([bid, _], [ask, _])| Num(ask.0 - bid.0));
        let spread_percent = best.and_then(|([bid, _], [ask, _])| {
            let middle = (bid.float() + ask.float()) / 2.0;
            percent((ask.float() - bid.float()) / middle)
        });
        Ok(Orders {
            symbol: pair.name,
            market: input.market,
            spread,
            spread_percent,
            bids_value: value(&bids),
            asks_value: value(&asks),
            bids,
            asks,
        })
    }
}
