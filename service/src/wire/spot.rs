//! Binance spot. Weights: <https://developers.binance.com/docs/binance-spot-api-docs/rest-api>.

use std::sync::Arc;

use serde::Deserialize;

use super::{About, Book, Candle, Span, Trade};
use crate::input::Interval;
use crate::number::Num;
use crate::pair::Pair;
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
/// As [`Ask::get`].
pub async fn price(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Price>, Failure> {
    ask.get(&of("/api/v3/ticker/price", pair)).await
}

fn of(path: &'static str, pair: &Pair) -> Call {
    Call::new(Source::Spot, path).with("symbol", &pair.name).weighs(2)
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
/// As [`Ask::get`].
pub async fn day(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<Day>, Failure> {
    ask.get(&of("/api/v3/ticker/24hr", pair)).await
}

/// Some pairs' last 24 hours.
///
/// # Errors
/// As [`Ask::get`].
pub async fn some_days(ask: &Ask<'_>, pairs: &[Pair]) -> Result<Arc<Vec<Day>>, Failure> {
    let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
    let call = Call::new(Source::Spot, "/api/v3/ticker/24hr")
        .with("symbols", serde_json::json!(names).to_string())
        .weighs(if names.len() > 20 { 40 } else { 2 });
    ask.get(&call).await
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

/// The last candles of a span, oldest first.
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
    let call = of("/api/v3/klines", pair)
        .with("interval", interval.word())
        .with("limit", limit.to_string());
    ask.get(&span.of(call)).await
}

/// What is offered and wanted.
///
/// # Errors
/// As [`Ask::get`].
pub async fn book(ask: &Ask<'_>, pair: &Pair, limit: u32) -> Result<Arc<Book>, Failure> {
    let call = of("/api/v3/depth", pair).with("limit", limit.to_string());
    ask.get(&call.weighs(5)).await
}

/// The last trades, oldest first.
///
/// # Errors
/// As [`Ask::get`].
pub async fn trades(ask: &Ask<'_>, pair: &Pair, limit: u32) -> Result<Arc<Vec<Trade>>, Failure> {
    let call = of("/api/v3/trades", pair).with("limit", limit.to_string());
    ask.get(&call.weighs(25)).await
}

/// What the exchange says of a pair.
///
/// # Errors
/// As [`Ask::get`].
pub async fn about(ask: &Ask<'_>, pair: &Pair) -> Result<Arc<About>, Failure> {
    let call = of("/api/v3/exchangeInfo", pair).weighs(20);
    ask.get(&call.ages(Kind::List)).await
}
