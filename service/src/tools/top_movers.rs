//! `get_top_gainers_losers`: what rose and fell most.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{SPOT, Ticker};
use super::inputs::OfExtremes;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// Pairs traded for less, in USDT a day, move without meaning.
const LEAST_VOLUME: i64 = 1_000_000;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Movers {
    /// How many pairs were compared.
    pairs: usize,
    /// What rose most, first the most.
    gainers: Vec<Ticker>,
    /// What fell most, first the most.
    losers: Vec<Ticker>,
}

impl Tool for Definition {
    const NAME: &str = "get_top_gainers_losers";
    const TITLE: &str = "Top gainers and losers";
    const DESCRIPTION: &str = "The USDT pairs on Binance spot that rose and fell most in 24 hours, among those traded for at least 1 million USDT.";
    const ROUTE: &str = "/binance/top-movers";
    const EXAMPLE: &str = "limit=5";
    const SET: Set = Set::Spot;
    type Input = OfExtremes;
    type Output = Movers;

    async fn run(input: OfExtremes, ask: &Ask<'_>) -> Result<Movers, Failure> {
        let days = spot::days(ask).await?;
        let mut movers: Vec<&spot::Day> = days
            .iter()
            .filter(|day| day.symbol.ends_with("USDT") && day.quote_volume.0 >= Decimal::from(LEAST_VOLUME))
            .collect();
        movers.sort_by_key(|day| std::cmp::Reverse(day.price_change_percent.0));
        let count = input.limit.0 as usize;
        let rows = |days: &mut dyn Iterator<Item = &&spot::Day>| {
            days.take(count).map(|day| Ticker::new(day, SPOT)).collect()
        };
        Ok(Movers {
            pairs: movers.len(),
            gainers: rows(
                &mut movers
                    .iter()
                    .filter(|day| day.price_change_percent.0 > Decimal::ZERO),
            ),
            losers: rows(
                &mut movers
                    .iter()
                    .rev()
                    .filter(|day| day.price_change_percent.0 < Decimal::ZERO),
            ),
        })
    }
}
