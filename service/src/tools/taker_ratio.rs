//! `get_taker_buy_sell_ratio`: what takers bought and sold.

use schemars::JsonSchema;
use serde::Serialize;

use super::inputs::OfPeriods;
use crate::input::Period;
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures::{self, Taker};

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Takers {
    /// The contract.
    symbol: String,
    /// How long each period is.
    period: Period,
    /// Newest first.
    history: Vec<Row>,
}

/// One period.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// When, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
    /// Bought for each sold.
    buy_sell_ratio: Num,
    /// Bought, in the base currency.
    buy_volume: Num,
    /// Sold, in the base currency.
    sell_volume: Num,
}

impl Tool for Definition {
    const NAME: &str = "get_taker_buy_sell_ratio";
    const TITLE: &str = "Takers' volume";
    const DESCRIPTION: &str = "What takers bought against what they sold of a contract on Binance USDT futures over the last periods, newest first.";
    const ROUTE: &str = "/binance/futures/taker-ratio";
    const EXAMPLE: &str = "symbol=BTC&period=1h&limit=5";
    const SET: Set = Set::Futures;
    type Input = OfPeriods;
    type Output = Takers;

    async fn run(input: OfPeriods, ask: &Ask<'_>) -> Result<Takers, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let path = "/futures/data/takerlongshortRatio";
        let rows =
            futures::statistic::<Taker>(ask, path, &pair, input.period, input.limit.0, input.span()).await?;
        let history = rows.iter().rev().map(|row| Row {
            time: row.timestamp,
            time_iso: iso(row.timestamp),
            buy_sell_ratio: row.buy_sell_ratio,
            buy_volume: row.buy_vol,
            sell_volume: row.sell_vol,
        });
        Ok(Takers {
            symbol: pair.name,
            period: input.period,
            history: history.collect(),
        })
    }
}
