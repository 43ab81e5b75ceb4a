//! `get_klines`: candles on Binance spot.

use super::answers::{Candles, SPOT};
use super::inputs::OfCandles;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::spot;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_klines";
    const TITLE: &str = "Candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance spot, as rows, oldest first, the last one still open unless end_time is past.";
    const ROUTE: &str = "/binance/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    const SET: Set = Set::Spot;
    const COMPACT: bool = true;
    type Input = OfCandles;
    type Output = Candles;

    async fn run(input: OfCandles, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let candles = spot::candles(ask, &pair, input.interval, input.limit.0, input.span()).await?;
        Ok(Candles::new(pair, input.interval, SPOT, &candles))
    }
}
