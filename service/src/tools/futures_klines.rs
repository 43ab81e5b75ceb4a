//! `get_futures_klines`: candles on Binance USDT futures.

use super::answers::{Candles, FUTURES};
use super::inputs::OfCandles;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_futures_klines";
    const TITLE: &str = "Futures candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance USDT futures, oldest first, the last one still open.";
    const ROUTE: &str = "/binance/futures/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    type Input = OfCandles;
    type Output = Candles;

    async fn run(input: OfCandles, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let candles = futures::candles(ask, &input.symbol, input.interval, input.limit.0).await?;
        Ok(Candles::new(input.symbol, input.interval, FUTURES, &candles))
    }
}
