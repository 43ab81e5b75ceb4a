//! `get_recent_trades`: the last trades.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{Count, Market, Symbol};
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::{Trade, futures, spot};

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
    /// How many trades.
    #[serde(default)]
    limit: Count<20, 200>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Trades {
    /// The pair.
    symbol: String,
    /// Which market.
    market: Market,
    /// How many trades follow.
    count: usize,
    /// What takers bought of these, in the base currency.
    bought: Option<Num>,
    /// What takers sold of these, in the base currency.
    sold: Option<Num>,
    /// Newest first.
    trades: Vec<Row>,
}

/// One trade.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// When, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
    /// The price.
    price: Num,
    /// In the base currency.
    amount: Num,
    /// What the taker did.
    side: Side,
}

/// What a taker did.
#[derive(Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Side {
    Buy,
    Sell,
}

fn side(trade: &Trade) -> Side {
    if trade.is_buyer_maker {
        Side::Sell
    } else {
        Side::Buy
    }
}

fn sum(trades: &[Trade], wanted: Side) -> Option<Num> {
    let of_side = trades.iter().filter(|trade| side(trade) == wanted);
    Num::significant(of_side.map(|trade| trade.amount.float()).sum(), 8)
}

impl Tool for Definition {
    const NAME: &str = "get_recent_trades";
    const TITLE: &str = "Recent trades";
    const DESCRIPTION: &str =
        "The last trades of a pair on Binance spot or futures, newest first, with what takers did.";
    const ROUTE: &str = "/binance/trades";
    const EXAMPLE: &str = "symbol=BTC&market=spot&limit=10";
    const SET: Set = Set::Spot;
    type Input = Input;
    type Output = Trades;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Trades, Failure> {
        let pair = ask.pair(input.market.source(), &input.symbol);
        let trades = match input.market {
            Market::Spot => spot::trades(ask, &pair, input.limit.0).await?,
            Market::Futures => futures::trades(ask, &pair, input.limit.0).await?,
        };
        let rows = trades.iter().rev().map(|trade| Row {
            time: trade.time,
            time_iso: iso(trade.time),
            price: trade.price,
            amount: trade.amount,
            side: side(trade),
        });
        Ok(Trades {
            symbol: pair.name,
            market: input.market,
            count: trades.len(),
            bought: sum(&trades, Side::Buy),
            sold: sum(&trades, Side::Sell),
            trades: rows.collect(),
        })
    }
}
