//! A candle, as Binance writes it: twelve elements in a row.

use serde::Deserialize;

use crate::number::Num;

/// One candle.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Row")]
pub struct Candle {
    /// When it opened, in milliseconds since 1970.
    pub open_time: i64,
    /// The first price.
    pub open: Num,
    /// The highest price.
    pub high: Num,
    /// The lowest price.
    pub low: Num,
    /// The last price.
    pub close: Num,
    /// What was traded, in the base currency.
    pub volume: Num,
    /// What was traded, in the quote currency.
    pub quote_volume: Num,
    /// How many trades.
    pub trades: u64,
}

type Row = (
    i64,
    Num,
    Num,
    Num,
    Num,
    Num,
    i64,
    Num,
    u64,
    serde::de::IgnoredAny,
    serde::de::IgnoredAny,
    serde::de::IgnoredAny,
);

impl From<Row> for Candle {
    fn from(row: Row) -> Self {
        let (open_time, open, high, low, close, volume, _, quote_volume, trades, ..) = row;
        Self {
            open_time,
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            trades,
        }
    }
}
