//! `get_extreme_funding_rates`: the funding rates that stand out.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::FundingNow;
use super::inputs::OfExtremes;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Extremes {
    /// How many contracts were compared.
    contracts: usize,
    /// Where longs pay most.
    highest: Vec<FundingNow>,
    /// Where shorts pay most.
    lowest: Vec<FundingNow>,
}

impl Tool for Definition {
    const NAME: &str = "get_extreme_funding_rates";
    const TITLE: &str = "Extreme funding rates";
    const DESCRIPTION: &str = "The contracts on Binance USDT futures whose funding rates stand out most, upwards and downwards, by what they come to in a year.";
    const ROUTE: &str = "/binance/funding-rate/extreme";
    const EXAMPLE: &str = "limit=5";
    const SET: Set = Set::Futures;
    type Input = OfExtremes;
    type Output = Extremes;

    async fn run(input: OfExtremes, ask: &Ask<'_>) -> Result<Extremes, Failure> {
        let premiums = futures::premiums(ask).await?;
        let infos = futures::funding_infos(ask).await?;
        let mut rates: Vec<FundingNow> = premiums
            .iter()
            .filter_map(|premium| FundingNow::new(premium, &infos))
            .collect();
        rates.sort_by(|a, b| b.yearly().total_cmp(&a.yearly()));
        let count = input.limit.0 as usize;
        Ok(Extremes {
            contracts: rates.len(),
            highest: rates
                .iter()
                .filter(|rate| rate.yearly() > 0.0)
                .take(count)
                .cloned()
                .collect(),
            lowest: rates
                .iter()
                .rev()
                .filter(|rate| rate.yearly() < 0.0)
                .take(count)
                .cloned()
                .collect(),
        })
    }
}
