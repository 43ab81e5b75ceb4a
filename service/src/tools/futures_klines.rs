//! `get_futures_klines`: candles on Binance USDT futures.

use super::answers::{Candles, FUTURES};
use super::inputs::OfCandles;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_futures_klines";
    const TITLE: &str = "Futures candles";
    const DESCRIPTION: &str = "Candles (open, high, low, close, volume) of a pair on Binance USDT futures, as rows, oldest first, the last one still open unless end_time is past.";
    const ROUTE: &str = "/binance/futures/klines";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=24";
    const SET: Set = Set::Futures;
    type Input = OfCandles;
    type Output = Candles;

    async fn run(input: OfCandles, ask: &Ask<'_>) -> Result<Candles, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let candles = futures::candles(ask, &pair, input.interval, input.limit.0, input.span()).await?;
        Ok(Candles::new(pair, input.interval, FUTURES, &candles))
    }
}
