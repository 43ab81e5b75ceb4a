//! `analyze_kline_patterns`: patterns in candles on Binance spot.

use super::inputs::OfPatterns;
use super::patterns::{Patterns, WINDOW};
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::{Span, spot};

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "analyze_kline_patterns";
    const TITLE: &str = "Candle patterns";
    const DESCRIPTION: &str = "Patterns (doji, hammer, engulfing, stars) in the last 8 closed candles of a pair on Binance spot, and what they are taken to announce.";
    const ROUTE: &str = "/binance/analysis/kline-patterns";
    const EXAMPLE: &str = "symbol=BTC&interval=4h";
    const SET: Set = Set::Analysis;
    type Input = OfPatterns;
    type Output = Patterns;

    async fn run(input: OfPatterns, ask: &Ask<'_>) -> Result<Patterns, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let candles = spot::candles(ask, &pair, input.interval, WINDOW, Span::default()).await?;
        Ok(Patterns::new(pair, input.interval, &candles))
    }
}
