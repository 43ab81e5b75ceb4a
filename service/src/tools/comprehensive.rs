//! `comprehensive_analysis`: a technical analysis on Binance spot.

use super::answers::SPOT;
use super::inputs::OfPair;
use super::technical::{CANDLES, Technical};
use crate::input::Interval;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "comprehensive_analysis";
    const TITLE: &str = "Technical analysis";
    const DESCRIPTION: &str = "A pair on Binance spot over 200 one-hour candles: RSI, MACD, Bollinger bands, moving averages, patterns and a summary.";
    const ROUTE: &str = "/binance/analysis/comprehensive";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = OfPair;
    type Output = Technical;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Technical, Failure> {
        let candles = spot::candles(ask, &input.symbol, Interval::Hour1, CANDLES).await?;
        let day = spot::day(ask, &input.symbol).await?;
        Technical::new(&day, &candles, SPOT)
    }
}
