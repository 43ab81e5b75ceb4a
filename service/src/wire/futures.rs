//! Binance USDⓈ-M futures. Weights: <https://developers.binance.com/docs/derivatives/usds-margined-futures>.

use std::sync::Arc;

use serde::Deserialize;

use super::spot::{Day, Price};
use super::{Candle, with_near};
use crate::input::{Interval, Pair, Period};
use crate::number::{Num, or_empty};
use crate::upstream::{Ask, Call, Failure, Kind, Source};

/// Mark price and funding of a contract.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Premium {
    /// The contract.
    pub symbol: String,
    /// What positions are valued at; missing before a contract trades.
    #[serde(deserialize_with = "or_empty")]
    pub mark_price: Option<Num>,
    /// The spot markets' price.
    #[serde(deserialize_with = "or_empty")]
    pub index_price: Option<Num>,
    /// The rate of the last funding; empty for contracts with a delivery date.
    #[serde(deserialize_with = "or_empty")]
    pub last_funding_rate: Option<Num>,
    /// When the next funding is; 0 for contracts without.
    pub next_funding_time: i64,
    /// When this was true.
    pub time: i64,
}

/// A contract whose funding differs from the usual.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FundingInfo {
    /// The contract.
    pub symbol: String,
    /// Hours between fundings.
    pub funding_interval_hours: u32,
}

/// One funding.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Funding {
    /// When.
    pub funding_time: i64,
    /// The rate that longs paid to shorts.
    pub funding_rate: Num,
    /// The mark price then; empty for the first contracts.
    #[serde(default, deserialize_with = "or_empty")]
    pub mark_price: Option<Num>,
}

/// Open contracts now.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenInterest {
    /// In the base currency.
    pub open_interest: Num,
    /// When this was true.
    pub time: i64,
}

/// Open contracts at a time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenInterestAt {
    /// In the base currency.
    pub sum_open_interest: Num,
    /// In the quote currency.
    pub sum_open_interest_value: Num,
    /// When.
    pub timestamp: i64,
}

/// Longs against shorts at a time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LongShort {
    /// The share of longs.
    pub long_account: Num,
    /// The share of shorts.
    pub short_account: Num,
    /// Longs for each short.
    pub long_short_ratio: Num,
    /// When.
    pub timestamp: i64,
}

/// Takers' volume in a period.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taker {
    /// Bought for each sold.
    pub buy_sell_ratio: Num,
    /// Bought.
    pub buy_vol: Num,
    /// Sold.
    pub sell_vol: Num,
    /// When.
    pub timestamp: i64,
}

fn of(path: &'static str, pair: &Pair) -> Call {
    Call::new(Source::Futures, path).with("symbol", &pair.0)
}

/// A contract's price.
///
/// # Errors
/// As [`Ask::get`]; an unknown contract comes with the names that are like it.
pub async fn price(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Price>, Failure> {
    near(ask, ask.get(&of("/fapi/v1/ticker/price", pair)).await).await
}

/// A contract's last 24 hours.
///
/// # Errors
/// As [`price`].
pub async fn day(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Day>, Failure> {
    near(ask, ask.get(&of("/fapi/v1/ticker/24hr", pair)).await).await
}

/// The last candles, oldest first.
///
/// # Errors
/// As [`price`].
pub async fn candles(
    ask: &Ask<'_>,
    pair: &Pair,
    interval: Interval,
    limit: u32,
) -> Result<Arc<Vec<Candle>>, Failure> {
    let call = of("/fapi/v1/klines", pair)
        .with("interval", interval.word())
        .with("limit", limit.to_string())
        .weighs(if limit < 100 {
            1
        } else if limit < 500 {
            2
        } else {
            5
        });
    near(ask, ask.get(&call).await).await
}

/// Mark price and funding of a contract.
///
/// # Errors
/// As [`price`].
pub async fn premium(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Premium>, Failure> {
    near(ask, ask.get(&of("/fapi/v1/premiumIndex", pair)).await).await
}

/// Mark price and funding of every contract.
///
/// # Errors
/// As [`Ask::get`].
pub async fn premiums(ask: &Ask<'_>) -> Result<Arc<Vec<Premium>>, Failure> {
    let call = Call::new(Source::Futures, "/fapi/v1/premiumIndex")
        .weighs(10)
        .ages(Kind::List);
    ask.get(&call).await
}

/// Hours between the fundings of each contract that is not settled every 8 hours.
///
/// # Errors
/// As [`Ask::get`].
pub async fn funding_infos(ask: &Ask<'_>) -> Result<Arc<Vec<FundingInfo>>, Failure> {
    let call = Call::new(Source::Futures, "/fapi/v1/fundingInfo").ages(Kind::Reference);
    ask.get(&call).await
}

/// Hours between the fundings of a contract: 8 unless the exchange lists it with another interval.
pub fn interval_hours(infos: &[FundingInfo], symbol: &str) -> u32 {
    infos
        .iter()
        .find(|info| info.symbol == symbol)
        .map_or(8, |info| info.funding_interval_hours.max(1))
}

/// The last fundings, oldest first.
///
/// # Errors
/// As [`price`].
pub async fn fundings(ask: &Ask<'_>, pair: &Pair, limit: u32) -> Result<Arc<Vec<Funding>>, Failure> {
    let call = of("/fapi/v1/fundingRate", pair).with("limit", limit.to_string());
    near(ask, ask.get(&call).await).await
}

/// Open contracts now.
///
/// # Errors
/// As [`price`].
pub async fn open_interest(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<OpenInterest>, Failure> {
    near(ask, ask.get(&of("/fapi/v1/openInterest", pair)).await).await
}

/// A statistic's last values, oldest first: `name` is the end of its path under `/futures/data`.
///
/// # Errors
/// As [`price`].
pub async fn statistic<T>(
    ask: &Ask<'_>,
    path: &'static str,
    pair: &Pair,
    period: Period,
    limit: u32,
) -> Result<Arc<Vec<T>>, Failure>
where
    T: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let call = of(path, pair)
        .with("period", period.word())
        .with("limit", limit.to_string())
        .ages(Kind::List);
    near(ask, ask.get(&call).await).await
}

async fn near<T>(ask: &Ask<'_>, answer: Result<T, Failure>) -> Result<T, Failure> {
    let failure = match answer {
        Err(failure @ Failure::Unknown { .. }) => failure,
        answer => return answer,
    };
    let all = Call::new(Source::Futures, "/fapi/v1/ticker/price")
        .weighs(2)
        .ages(Kind::List);
    // Apart, for it is not to be part of every answer's state.
    match Box::pin(ask.get::<Vec<Price>>(&all)).await {
        Ok(prices) => Err(with_near(
            failure,
            prices.iter().map(|price| price.symbol.as_str()),
        )),
        Err(_) => Err(failure),
    }
}
