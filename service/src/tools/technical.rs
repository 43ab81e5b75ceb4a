//! A technical analysis, as tools answer it.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::Ticker;
use super::patterns::{Found, found};
use crate::analysis::indicators::{bollinger, ema, macd, rsi};
use crate::analysis::patterns::Signal;
use crate::input::Interval;
use crate::number::Num;
use crate::upstream::Failure;
use crate::wire::Candle;
use crate::wire::spot::Day;

/// How many candles are analysed.
pub const CANDLES: u32 = 200;
/// Fewer candles, as a new pair has, say nothing: MACD needs 26 + 9.
const FEWEST: usize = 35;

/// What the tools answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Technical {
    /// The last 24 hours.
    ticker: Ticker,
    /// How long each candle is.
    interval: Interval,
    /// How many candles were analysed.
    candles: usize,
    /// Relative strength over 14 candles: above 70 is overbought, below 30 oversold.
    pub(super) rsi: Option<Num>,
    /// 12, 26 and 9 candles.
    macd: Option<Macd>,
    /// 20 candles, two deviations.
    bollinger: Option<Bollinger>,
    /// The average of 20 candles, weighted by recency.
    ema_20: Option<Num>,
    /// The average of 50 candles, weighted by recency.
    ema_50: Option<Num>,
    /// In the last 8 closed candles, newest first.
    patterns: Vec<Found>,
    /// What the indicators say together.
    signal: Signal,
    /// Each indicator in words.
    summary: Vec<String>,
}

/// Moving average convergence and divergence.
#[derive(Debug, Serialize, JsonSchema)]
struct Macd {
    line: Option<Num>,
    signal: Option<Num>,
    histogram: Option<Num>,
}

/// Bollinger bands.
#[derive(Debug, Serialize, JsonSchema)]
struct Bollinger {
    upper: Option<Num>,
    middle: Option<Num>,
    lower: Option<Num>,
}

impl Technical {
    pub(super) fn new(
        day: &Day,
        candles: &[Candle],
        interval: Interval,
        market: &'static str,
    ) -> Result<Self, Failure> {
        if candles.len() < FEWEST {
            let count = candles.len();
            return Err(Failure::Input(format!(
                "{} has {count} candles of {}, and an analysis needs {FEWEST}: the pair is new, or another interval is better",
                day.symbol,
                interval.word()
            )));
        }
        let closes: Vec<f64> = candles.iter().map(|candle| candle.close.float()).collect();
        let price = closes[closes.len() - 1];
        let strength = rsi(&closes, 14).last().copied();
        let macd = macd(&closes, 12, 26, 9);
        let band = bollinger(&closes, 20, 2.0).last().copied();
        let average = |period| ema(&closes, period).last().copied();
        let mut score = 0;
        let mut summary = Vec::new();
        let mut say = |push: i32, text: String| {
            score += push;
            summary.push(text);
        };
        match strength {
            Some(rsi) if rsi > 70.0 => say(-1, format!("RSI {rsi:.1}: overbought")),
            Some(rsi) if rsi < 30.0 => say(1, format!("RSI {rsi:.1}: oversold")),
            Some(rsi) => say(0, format!("RSI {rsi:.1}: neither overbought nor oversold")),
            None => {}
        }
        match macd {
            Some(macd) if macd.histogram > 0.0 => say(1, "MACD is above its signal: rising".into()),
            Some(_) => say(-1, "MACD is below its signal: falling".into()),
            None => {}
        }
        match band {
            Some(band) if price > band.upper => say(-1, "the price is above the upper Bollinger band".into()),
            Some(band) if price < band.lower => say(1, "the price is below the lower Bollinger band".into()),
            Some(_) => say(0, "the price is within the Bollinger bands".into()),
            None => {}
        }
        if let (Some(short), Some(long)) = (average(20), average(50)) {
            let (push, text) = if short > long { (1, "above") } else { (-1, "below") };
            say(push, format!("the average of 20 candles is {text} the one of 50"));
        }
        // What is left of two equal numbers is no number.
        let number = |value: f64| Num::significant(if value.abs() < price * 1e-12 { 0.0 } else { value }, 8);
        Ok(Self {
            ticker: Ticker::new(day, market),
            interval,
            candles: candles.len(),
            rsi: strength.and_then(|rsi| Num::significant(rsi, 4)),
            macd: macd.map(|macd| Macd {
                line: number(macd.line),
                signal: number(macd.signal),
                histogram: number(macd.histogram),
            }),
            bollinger: band.map(|band| Bollinger {
                upper: number(band.upper),
                middle: number(band.middle),
                lower: number(band.lower),
            }),
            ema_20: average(20).and_then(number),
            ema_50: average(50).and_then(number),
            patterns: found(&candles[..candles.len() - 1]),
            signal: match score {
                2.. => Signal::Bullish,
                ..=-2 => Signal::Bearish,
                _ => Signal::Neutral,
            },
            summary,
        })
    }

    /// How far MACD is above its signal, in percent of the price.
    pub(super) fn macd_percent(&self) -> f64 {
        let histogram = self.macd.as_ref().and_then(|macd| macd.histogram);
        let price = self.ticker.price().float();
        match histogram {
            Some(histogram) if price > 0.0 => histogram.float() / price * 100.0,
            _ => 0.0,
        }
    }
}
