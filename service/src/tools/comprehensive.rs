//! `comprehensive_analysis`: a technical analysis on Binance spot.

use super::answers::SPOT;
use super::inputs::OfAnalysis;
use super::technical::{CANDLES, Technical};
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::{Span, spot};

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "comprehensive_analysis";
    const TITLE: &str = "Technical analysis";
    const DESCRIPTION: &str = "A pair on Binance spot over 200 candles: RSI, MACD, Bollinger bands, moving averages, patterns and a summary.";
    const ROUTE: &str = "/binance/analysis/comprehensive";
    const EXAMPLE: &str = "symbol=BTC&interval=1h";
    const SET: Set = Set::Analysis;
    const COMPACT: bool = true;
    type Input = OfAnalysis;
    type Output = Technical;

    async fn run(input: OfAnalysis, ask: &Ask<'_>) -> Result<Technical, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let candles = spot::candles(ask, &pair, input.interval, CANDLES, Span::default()).await?;
        let day = spot::day(ask, &pair).await?;
        Technical::new(&day, &candles, input.interval, SPOT)
    }
}
