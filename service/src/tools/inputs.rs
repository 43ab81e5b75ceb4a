//! What several tools take alike.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::input::{Count, Interval, Moment, Period, Symbol};
use crate::wire::Span;

/// One pair or contract.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPair {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Symbol,
}

/// A contract over the last periods.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPeriods {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Symbol,
    /// How long each period is.
    #[serde(default)]
    pub period: Period,
    /// How many periods.
    #[serde(default)]
    pub limit: Count<30, 200>,
    /// The earliest, in ISO 8601 or milliseconds since 1970.
    pub start_time: Option<Moment>,
    /// The latest, likewise.
    pub end_time: Option<Moment>,
}

/// A pair or contract, and how long its candles are: longer ones show patterns more plainly.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPatterns {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Symbol,
    /// How long each candle is.
    #[serde(default = "four_hours")]
    pub interval: Interval,
}

/// A pair or contract, and how long the candles are that it is judged by.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfAnalysis {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Symbol,
    /// How long each candle is.
    #[serde(default)]
    pub interval: Interval,
}

/// The candles of a pair or contract.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfCandles {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Symbol,
    /// How long each candle is.
    #[serde(default)]
    pub interval: Interval,
    /// How many candles.
    #[serde(default)]
    pub limit: Count<100, 500>,
    /// When the first may open, in ISO 8601 or milliseconds since 1970.
    pub start_time: Option<Moment>,
    /// When the last may open, likewise.
    pub end_time: Option<Moment>,
}

/// So many from both ends of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfExtremes {
    /// How many of each.
    #[serde(default)]
    pub limit: Count<10, 50>,
}

fn four_hours() -> Interval {
    Interval::Hour4
}

impl OfCandles {
    /// What lies between its times.
    pub(super) fn span(&self) -> Span {
        Span::new(self.start_time, self.end_time)
    }
}

impl OfPeriods {
    /// As [`OfCandles::span`].
    pub(super) fn span(&self) -> Span {
        Span::new(self.start_time, self.end_time)
    }
}
