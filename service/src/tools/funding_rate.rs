//! `get_funding_rate`: a contract's last fundings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{annualized, percent};
use crate::input::{Count, Moment, Symbol};
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::{Span, futures};

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Symbol,
    /// How many fundings.
    #[serde(default)]
    limit: Count<10, 100>,
    /// The earliest, in ISO 8601 or milliseconds since 1970.
    start_time: Option<Moment>,
    /// The latest, likewise.
    end_time: Option<Moment>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct History {
    /// The contract.
    symbol: String,
    /// Hours between fundings.
    interval_hours: u32,
    /// The average of these fundings.
    average_rate_percent: Option<Num>,
    /// What the average comes to in a year.
    annualized_percent: Option<Num>,
    /// Newest first.
    history: Vec<Row>,
}

/// One funding.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// When, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
    /// What longs paid to shorts, of the position's value.
    funding_rate: Num,
    /// The same in percent.
    funding_rate_percent: Option<Num>,
    /// The mark price then.
    mark_price: Option<Num>,
}

impl Tool for Definition {
    const NAME: &str = "get_funding_rate";
    const TITLE: &str = "Funding history";
    const DESCRIPTION: &str = "The last fundings of a contract on Binance USDT futures, newest first, with their average and what it comes to in a year.";
    const ROUTE: &str = "/binance/funding-rate";
    const EXAMPLE: &str = "symbol=BTC&limit=3";
    const SET: Set = Set::Futures;
    type Input = Input;
    type Output = History;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<History, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let fundings = futures::fundings(
            ask,
            &pair,
            input.limit.0,
            Span::new(input.start_time, input.end_time),
        )
        .await?;
        let hours = futures::interval_hours(&futures::funding_infos(ask).await?, &pair.name);
        let rates: Vec<f64> = fundings
            .iter()
            .map(|funding| funding.funding_rate.float())
            .collect();
        let average = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
        let history = fundings.iter().rev().map(|funding| Row {
            time: funding.funding_time,
            time_iso: iso(funding.funding_time),
            funding_rate: funding.funding_rate,
            funding_rate_percent: percent(funding.funding_rate.float()),
            mark_price: funding.mark_price,
        });
        Ok(History {
            symbol: pair.name,
            interval_hours: hours,
            average_rate_percent: percent(average),
            annualized_percent: annualized(average, hours),
            history: history.collect(),
        })
    }
}
