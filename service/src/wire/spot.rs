//! Binance spot. Weights: <https://developers.binance.com/docs/binance-spot-api-docs/rest-api>.

use std::sync::Arc;

use serde::Deserialize;

use super::{Candle, with_near};
use crate::input::{Interval, Pair};
use crate::number::Num;
use crate::upstream::{Ask, Call, Failure, Kind, Source};

/// A price.
#[derive(Debug, Deserialize)]
pub struct Price {
    /// The pair.
    pub symbol: String,
    /// The last price.
    pub price: Num,
}

/// A pair's last 24 hours; futures have the same fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Day {
    pub symbol: String,
    pub price_change: Num,
    pub price_change_percent: Num,
    pub weighted_avg_price: Num,
    pub last_price: Num,
    pub open_price: Num,
    pub high_price: Num,
    pub low_price: Num,
    pub volume: Num,
    pub quote_volume: Num,
    pub count: u64,
    pub close_time: i64,
}

/// The price of a pair.
///
/// # Errors
/// As [`Ask::get`]; an unknown pair comes with the names that are like it.
pub async fn price(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Price>, Failure> {
    let call = Call::new(Source::Spot, "/api/v3/ticker/price")
        .with("symbol", &pair.0)
        .weighs(2);
    near(ask, ask.get(&call).await).await
}

/// The price of every pair.
///
/// # Errors
/// As [`Ask::get`].
pub async fn prices(ask: &Ask<'_>) -> Result<Arc<Vec<Price>>, Failure> {
    let call = Call::new(Source::Spot, "/api/v3/ticker/price")
        .weighs(4)
        .ages(Kind::List);
    ask.get(&call).await
}

/// A pair's last 24 hours.
///
/// # Errors
/// As [`price`].
pub async fn day(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Day>, Failure> {
    let call = Call::new(Source::Spot, "/api/v3/ticker/24hr")
        .with("symbol", &pair.0)
        .weighs(2);
    near(ask, ask.get(&call).await).await
}

/// Some pairs' last 24 hours.
///
/// # Errors
/// As [`price`].
pub async fn some_days(ask: &Ask<'_>, pairs: &[Pair]) -> Result<Arc<Vec<Day>>, Failure> {
    let names: Vec<&str> = pairs.iter().map(|pair| pair.0.as_str()).collect();
    let call = Call::new(Source::Spot, "/api/v3/ticker/24hr")
        .with("symbols", serde_json::json!(names).to_string())
        .weighs(if names.len() > 20 { 40 } else { 2 });
    near(ask, ask.get(&call).await).await
}

/// Every pair's last 24 hours.
///
/// # Errors
/// As [`Ask::get`].
pub async fn days(ask: &Ask<'_>) -> Result<Arc<Vec<Day>>, Failure> {
    let call = Call::new(Source::Spot, "/api/v3/ticker/24hr")
        .weighs(80)
        .ages(Kind::List);
    ask.get(&call).await
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
    let call = Call::new(Source::Spot, "/api/v3/klines")
        .with("symbol", &pair.0)
        .with("interval", interval.word())
        .with("limit", limit.to_string())
        .weighs(2);
    near(ask, ask.get(&call).await).await
}

async fn near<T>(ask: &Ask<'_>, answer: Result<T, Failure>) -> Result<T, Failure> {
    match answer {
        // Apart, for it is not to be part of every answer's state.
        Err(failure @ Failure::Unknown { .. }) => match Box::pin(prices(ask)).await {
            Ok(prices) => Err(with_near(
                failure,
                prices.iter().map(|price| price.symbol.as_str()),
            )),
            Err(_) => Err(failure),
        },
        answer => answer,
    }
}
