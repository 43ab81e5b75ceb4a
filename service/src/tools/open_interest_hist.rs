//! `get_open_interest_hist`: how open interest went.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::percent;
use super::inputs::OfPeriods;
use crate::input::Period;
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures::{self, OpenInterestAt};

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct History {
    /// The contract.
    symbol: String,
    /// How long each period is.
    period: Period,
    /// From the oldest to the newest.
    change_percent: Option<Num>,
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
    /// In the base currency.
    open_interest: Num,
    /// In the quote currency.
    open_interest_value: Num,
}

impl Tool for Definition {
    const NAME: &str = "get_open_interest_hist";
    const TITLE: &str = "Open interest history";
    const DESCRIPTION: &str = "How open interest in a contract on Binance USDT futures went over the last periods, newest first; at most 30 days back.";
    const ROUTE: &str = "/binance/futures/open-interest/history";
    const EXAMPLE: &str = "symbol=BTC&period=1h&limit=5";
    const SET: Set = Set::Futures;
    type Input = OfPeriods;
    type Output = History;

    async fn run(input: OfPeriods, ask: &Ask<'_>) -> Result<History, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let path = "/futures/data/openInterestHist";
        let rows =
            futures::statistic::<OpenInterestAt>(ask, path, &pair, input.period, input.limit.0, input.span())
                .await?;
        let change = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if first.sum_open_interest.float() > 0.0 => {
                percent(last.sum_open_interest.float() / first.sum_open_interest.float() - 1.0)
            }
            _ => None,
        };
        let history = rows.iter().rev().map(|row| Row {
            time: row.timestamp,
            time_iso: iso(row.timestamp),
            open_interest: row.sum_open_interest,
            open_interest_value: row.sum_open_interest_value,
        });
        Ok(History {
            symbol: pair.name,
            period: input.period,
            change_percent: change,
            history: history.collect(),
        })
    }
}
