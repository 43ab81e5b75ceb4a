//! `get_realtime_funding_rate`: the funding rate that stands.

use super::answers::FundingNow;
use super::inputs::OfPair;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures;

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_realtime_funding_rate";
    const TITLE: &str = "Funding now";
    const DESCRIPTION: &str = "The funding rate that stands for a contract on Binance USDT futures, when it is due, and what it comes to in a year.";
    const ROUTE: &str = "/binance/funding-rate/realtime";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Futures;
    const COMPACT: bool = true;
    type Input = OfPair;
    type Output = FundingNow;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<FundingNow, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let premium = futures::premium(ask, &pair).await?;
        let infos = futures::funding_infos(ask).await?;
        FundingNow::new(&premium, &infos).ok_or_else(|| {
            Failure::Input(format!(
                "{} has no funding: it is a contract with a delivery date",
                pair.name
            ))
        })
    }
}
