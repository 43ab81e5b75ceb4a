//! Candle patterns of one, two and three candles.

use schemars::JsonSchema;
use serde::Serialize;

/// A candle as arithmetic sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the four prices that every candle has")]
pub struct Bar {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
}

/// What a pattern is taken to announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Signal {
    Bullish,
    Bearish,
    Neutral,
}

impl Bar {
    fn body(&self) -> f64 {
        (self.close - self.open).abs()
    }

    fn upper_shadow(&self) -> f64 {
        self.high - self.open.max(self.close)
    }

    fn lower_shadow(&self) -> f64 {
        self.open.min(self.close) - self.low
    }

    fn rises(&self) -> bool {
        self.close > self.open
    }

    fn falls(&self) -> bool {
        self.close < self.open
    }

    fn is_doji(&self) -> bool {
        let range = self.high - self.low;
        range > 0.0 && self.body() < 0.1 * range
    }

    /// A small body with a long shadow on one side and nearly none on the other.
    fn hangs(long: f64, short: f64, body: f64) -> bool {
        body > 0.0 && long > 2.0 * body && short < 0.5 * body
    }
}

/// The patterns that end with the last bar, by name.
pub fn ending(bars: &[Bar]) -> Vec<(&'static str, Signal)> {
    let Some((last, before)) = bars.split_last() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if last.is_doji() {
        found.push(("doji", Signal::Neutral));
    }
    let rose = before.len() >= 2 && before[before.len() - 1].close > before[before.len() - 2].close;
    if Bar::hangs(last.lower_shadow(), last.upper_shadow(), last.body()) {
        // The same candle means the contrary after a rise.
        found.push(if rose {
            ("hanging_man", Signal::Bearish)
        } else {
            ("hammer", Signal::Bullish)
        });
    }
    if Bar::hangs(last.upper_shadow(), last.lower_shadow(), last.body()) {
        found.push(if rose {
            ("shooting_star", Signal::Bearish)
        } else {
            ("inverted_hammer", Signal::Bullish)
        });
    }
    if let Some(previous) = before.last() {
        if previous.falls() && last.rises() && last.open <= previous.close && last.close >= previous.open {
            found.push(("bullish_engulfing", Signal::Bullish));
        }
        if previous.rises() && last.falls() && last.open >= previous.close && last.close <= previous.open {
            found.push(("bearish_engulfing", Signal::Bearish));
        }
    }
    if let [.., first, second] = before {
        let small = second.body() < 0.3 * first.body();
        let middle = (first.open + first.close) / 2.0;
        if first.falls() && small && last.rises() && last.close > middle {
            found.push(("morning_star", Signal::Bullish));
        }
        if first.rises() && small && last.falls() && last.close < middle {
            found.push(("evening_star", Signal::Bearish));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(open: f64, high: f64, low: f64, close: f64) -> Bar {
        Bar {
            open,
            high,
            low,
            close,
        }
    }

    fn names(bars: &[Bar]) -> Vec<&'static str> {
        ending(bars).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_pattern_is_told_from_its_neighbours() {
        let falling = [bar(13.0, 13.1, 11.9, 12.0), bar(12.0, 12.1, 10.9, 11.0)];
        let rising = [bar(9.0, 10.1, 8.9, 10.0), bar(10.0, 11.1, 9.9, 11.0)];
        let after = |before: [Bar; 2], last: Bar| names(&[before[0], before[1], last]);
        let long_below = bar(11.0, 11.41, 10.0, 11.4);
        assert_eq!(after(falling, long_below), ["hammer"]);
        assert_eq!(after(rising, long_below), ["hanging_man"]);
        let long_above = bar(11.2, 12.5, 11.19, 11.5);
        assert_eq!(after(rising, long_above), ["shooting_star"]);
        assert_eq!(after(falling, bar(10.9, 12.2, 10.89, 11.2)), ["inverted_hammer"]);
        assert_eq!(names(&[bar(10.0, 11.0, 9.0, 10.1)]), ["doji"]);
        assert_eq!(after(falling, bar(10.9, 12.5, 10.6, 12.2)), ["bullish_engulfing"]);
        assert_eq!(after(rising, bar(11.1, 11.3, 9.5, 9.8)), ["bearish_engulfing"]);
        assert_eq!(
            names(&[
                bar(12.0, 12.1, 9.9, 10.0),
                bar(9.9, 10.4, 9.5, 9.8),
                bar(9.9, 11.6, 9.7, 11.5)
            ]),
            ["morning_star"]
        );
        assert_eq!(
            names(&[
                bar(10.0, 12.1, 9.9, 12.0),
                bar(12.0, 12.5, 11.8, 12.2),
                bar(12.1, 12.3, 10.2, 10.4)
            ]),
            ["evening_star"]
        );
        assert!(after(rising, bar(11.0, 12.0, 10.5, 11.8)).is_empty());
    }

    #[test]
    fn a_still_market_has_no_pattern() {
        assert!(names(&[bar(1.0, 1.0, 1.0, 1.0); 3]).is_empty());
        assert!(names(&[]).is_empty());
    }
}
