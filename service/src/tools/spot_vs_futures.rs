//! `analyze_spot_vs_futures`: spot against futures.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{FundingNow, percent};
use super::inputs::OfPair;
use crate::number::Num;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::{futures, spot};

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Comparison {
    /// The pair.
    symbol: String,
    /// The last price on spot.
    spot_price: Num,
    /// The last price on futures.
    futures_price: Num,
    /// Futures less spot.
    basis: Num,
    /// The same in percent of spot.
    basis_percent: Option<Num>,
    /// The funding that stands.
    funding: Option<FundingNow>,
    /// How that is read.
    reading: &'static str,
}

impl Tool for Definition {
    const NAME: &str = "analyze_spot_vs_futures";
    const TITLE: &str = "Spot against futures";
    const DESCRIPTION: &str = "The price of a pair on Binance spot against its contract on futures: how far apart they are, the funding rate, and how that is read.";
    const ROUTE: &str = "/binance/analysis/spot-vs-futures";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Analysis;
    type Input = OfPair;
    type Output = Comparison;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Comparison, Failure> {
        let pair = ask.pair(Source::Spot, &input.symbol);
        let of_contract = ask.pair(Source::Futures, &input.symbol);
        let spot = spot::price(ask, &pair).await?;
        let contract = futures::price(ask, &of_contract).await?;
        let premium = futures::premium(ask, &of_contract).await?;
        let infos = futures::funding_infos(ask).await?;
        let basis = if spot.price.float() > 0.0 {
            contract.price.float() / spot.price.float() - 1.0
        } else {
            0.0
        };
        let reading = match basis {
            basis if basis > 0.001 => {
                "futures stand above spot: the market expects a rise or pays for leverage"
            }
            basis if basis < -0.001 => "futures stand below spot: the market expects a fall or hedges",
            _ => "futures and spot stand together",
        };
        Ok(Comparison {
            symbol: pair.name,
            spot_price: spot.price,
            futures_price: contract.price,
            basis: Num(contract.price.0 - spot.price.0),
            basis_percent: percent(basis),
            funding: FundingNow::new(&premium, &infos),
            reading,
        })
    }
}
