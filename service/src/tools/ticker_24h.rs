//! `get_ticker_24h`: a pair's last 24 hours.

use super::answers::{SPOT, Ticker};
use super::inputs::OfPair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::spot;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_ticker_24h";
    const TITLE: &str = "24-hour ticker";
    const DESCRIPTION: &str = "A pair's last 24 hours on Binance spot: price, change, high, low and volume.";
    const ROUTE: &str = "/binance/ticker/24h";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Spot;
    type Input = OfPair;
    type Output = Ticker;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Ticker, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let day = spot::day(ask, &pair).await?;
        Ok(Ticker::new(&day, SPOT))
    }
}
