//! Binance USDⓈ-M futures. Weights: <https://developers.binance.com/docs/derivatives/usds-margined-futures>.

use std::sync::Arc;

use serde::Deserialize;

use super::spot::{Day, Price};
use super::{About, Book, Candle, Span, Trade};
use crate::input::{Interval, Period};
use crate::number::{Num, or_empty};
use crate::pair::Pair;
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
    Call::new(Source::Futures, path).with("symbol", &pair.name)
}

/// A contract's price.
///
/// # Errors
/// As [`Ask::get`].
pub async fn price(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Price>, Failure> {
    ask.get(&of("/fapi/v1/ticker/price", pair)).await
}

/// A contract's last 24 hours.
///
/// # Errors
/// As [`Ask::get`].
pub async fn day(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Day>, Failure> {
    ask.get(&of("/fapi/v1/ticker/24hr", pair)).await
}

/// The last candles, oldest first.
///
/// # Errors
/// As [`Ask::get`].
pub async fn candles(
    ask: &Ask<'_>,
    pair: &Pair,
    interval: Interval,
    limit: u32,
    span: Span,
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
    ask.get(&span.of(call)).await
}

/// Mark price and funding of a contract.
///
/// # Errors
/// As [`Ask::get`].
pub async fn premium(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Premium>, Failure> {
    ask.get(&of("/fapi/v1/premiumIndex", pair)).await
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
/// As [`Ask::get`].
pub async fn fundings(
    ask: &Ask<'_>,
    pair: &Pair,
    limit: u32,
    span: Span,
) -> Result<Arc<Vec<Funding>>, Failure> {
    let call = of("/fapi/v1/fundingRate", pair).with("limit", limit.to_string());
    ask.get(&span.of(call)).await
}

/// Open contracts now.
///
/// # Errors
/// As [`Ask::get`].
pub async fn open_interest(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<OpenInterest>, Failure> {
    ask.get(&of("/fapi/v1/openInterest", pair)).await
}

/// A statistic's last values, oldest first: `name` is the end of its path under `/futures/data`.
///
/// # Errors
/// As [`Ask::get`].
pub async fn statistic<T>(
    ask: &Ask<'_>,
    path: &'static str,
    pair: &Pair,
    period: Period,
    limit: u32,
    span: Span,
) -> Result<Arc<Vec<T>>, Failure>
where
    T: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let call = of(path, pair)
        .with("period", period.word())
        .with("limit", limit.to_string())
        .ages(Kind::List);
    ask.get(&span.of(call)).await
}

/// What is offered and wanted.
///
/// # Errors
/// As [`Ask::get`].
pub async fn book(ask: &Ask<'_>, pair: &Pair, limit: u32) -> Result<Arc<Book>, Failure> {
    // Only these depths are had.
    let depth = [5, 10, 20, 50, 100]
        .into_iter()
        .find(|depth| *depth >= limit)
        .unwrap_or(100);
    let call = of("/fapi/v1/depth", pair).with("limit", depth.to_string());
    ask.get(&call.weighs(if depth > 50 { 5 } else { 2 })).await
}

/// The last trades, oldest first.
///
/// # Errors
/// As [`Ask::get`].
pub async fn trades(ask: &Ask<'_>, pair: &Pair, limit: u32) -> Result<Arc<Vec<Trade>>, Failure> {
    let call = of("/fapi/v1/trades", pair).with("limit", limit.to_string());
    ask.get(&call.weighs(5)).await
}

/// What the exchange says of all contracts; it is not asked of one.
///
/// # Errors
/// As [`Ask::get`].
pub async fn about(ask: &Ask<'_>) -> Result<Arc<About>, Failure> {
    ask.get(&Call::new(Source::Futures, "/fapi/v1/exchangeInfo").ages(Kind::List))
        .await
}
