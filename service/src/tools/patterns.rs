//! Patterns in candles, as tools answer them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::patterns::{Bar, Signal, ending};
use crate::input::Interval;
use crate::number::Num;
use crate::pair::Pair;
use crate::time::iso;
use crate::wire::Candle;

/// So many of the last closed candles may end a pattern.
const LAST: usize = 8;
/// So many candles are asked for: three for the first pattern's past, and the one still open.
pub const WINDOW: u32 = LAST as u32 + 3;

/// What the tools answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Patterns {
    /// The pair.
    symbol: String,
    /// How long each candle is.
    interval: Interval,
    /// The last closed candle's price.
    close: Option<Num>,
    /// Bullish patterns less bearish ones.
    balance: i32,
    /// What they announce together.
    signal: Signal,
    /// Newest first.
    patterns: Vec<Found>,
}

/// A pattern.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found {
    /// Its name.
    pattern: &'static str,
    /// What it is taken to announce.
    signal: Signal,
    /// When its last candle opened, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
}

impl Patterns {
    /// `candles` are oldest first, and the last is still open.
    pub(super) fn new(pair: Pair, interval: Interval, candles: &[Candle]) -> Self {
        let closed = candles.split_last().map_or(candles, |(_, closed)| closed);
        let patterns = found(closed);
        let balance = patterns
            .iter()
            .map(|found| match found.signal {
                Signal::Bullish => 1,
                Signal::Bearish => -1,
                Signal::Neutral => 0,
            })
            .sum();
        Self {
            symbol: pair.name,
            interval,
            close: closed.last().map(|candle| candle.close),
            balance,
            signal: match balance {
                1.. => Signal::Bullish,
                ..=-1 => Signal::Bearish,
                0 => Signal::Neutral,
            },
            patterns,
        }
    }
}

/// The patterns that end in the last [`LAST`] of these closed candles, newest first.
pub fn found(closed: &[Candle]) -> Vec<Found> {
    let bars: Vec<Bar> = closed.iter().map(bar).collect();
    let ends = (bars.len().saturating_sub(LAST)..bars.len()).rev();
    let at = |end: usize| {
        let time = closed[end].open_time;
        let ending = ending(&bars[..=end]).into_iter();
        ending.map(move |(pattern, signal)| Found {
            pattern,
            signal,
            time,
            time_iso: iso(time),
        })
    };
    ends.flat_map(at).collect()
}

fn bar(candle: &Candle) -> Bar {
    Bar {
        open: candle.open.float(),
        high: candle.high.float(),
        low: candle.low.float(),
        close: candle.close.float(),
    }
}
