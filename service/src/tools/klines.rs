//! `get_klines`: candles on Binance spot.

use super::answers::{Candles, SPOT};
use super::inputs::OfCandles;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_klines";
    const TITLE: &str = "Candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance spot, oldest first, the last one still open.";
    const ROUTE: &str = "/binance/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    type Input = OfCandles;
    type Output = Candles;

    async fn run(input: OfCandles, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let candles = spot::candles(ask, &input.symbol, input.interval, input.limit.0).await?;
        Ok(Candles::new(input.symbol, input.interval, SPOT, &candles))
    }
}
