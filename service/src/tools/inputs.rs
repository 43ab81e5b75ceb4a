//! What several tools take alike.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::input::{Count, Interval, Pair, Period};

/// One pair or contract.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPair {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Pair,
}

/// A contract over the last periods.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPeriods {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Pair,
    /// How long each period is.
    #[serde(default)]
    pub period: Period,
    /// How many periods.
    #[serde(default)]
    pub limit: Count<30, 200>,
}

/// A pair or contract, and how long its candles are: longer ones show patterns more plainly.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPatterns {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Pair,
    /// How long each candle is.
    #[serde(default = "four_hours")]
    pub interval: Interval,
}

/// The candles of a pair or contract.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfCandles {
    /// The coin or pair: BTC means BTCUSDT.
    pub symbol: Pair,
    /// How long each candle is.
    #[serde(default)]
    pub interval: Interval,
    /// How many candles.
    #[serde(default)]
    pub limit: Count<100, 500>,
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
