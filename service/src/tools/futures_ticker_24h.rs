//! `get_futures_ticker_24h`: a contract's last 24 hours.

use super::answers::{FUTURES, Ticker};
use super::inputs::OfPair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_futures_ticker_24h";
    const TITLE: &str = "Futures 24-hour ticker";
    const DESCRIPTION: &str =
        "A contract's last 24 hours on Binance USDT futures: price, change, high, low and volume.";
    const ROUTE: &str = "/binance/futures/ticker/24h";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Futures;
    type Input = OfPair;
    type Output = Ticker;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Ticker, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let day = futures::day(ask, &pair).await?;
        Ok(Ticker::new(&day, FUTURES))
    }
}
