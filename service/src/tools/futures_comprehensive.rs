//! `comprehensive_analysis_futures`: a technical analysis on Binance USDT futures.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{FUTURES, FundingNow};
use super::inputs::OfAnalysis;
use super::technical::{CANDLES, Technical};
use crate::number::Num;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::{Span, futures};

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Futures {
    #[serde(flatten)]
    technical: Technical,
    /// The funding that stands.
    funding: Option<FundingNow>,
    /// Open contracts, in the base currency.
    open_interest: Num,
}

impl Tool for Definition {
    const NAME: &str = "comprehensive_analysis_futures";
    const TITLE: &str = "Futures technical analysis";
    const DESCRIPTION: &str = "A pair on Binance USDT futures over 200 candles: RSI, MACD, Bollinger bands, moving averages, patterns and a summary, with funding and open interest.";
    const ROUTE: &str = "/binance/analysis/futures-comprehensive";
    const EXAMPLE: &str = "symbol=BTC&interval=1h";
    const SET: Set = Set::Analysis;
    type Input = OfAnalysis;
    type Output = Futures;

    async fn run(input: OfAnalysis, ask: &Ask<'_>) -> Result<Futures, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let candles = futures::candles(ask, &pair, input.interval, CANDLES, Span::default()).await?;
        let day = futures::day(ask, &pair).await?;
        let premium = futures::premium(ask, &pair).await?;
        let infos = futures::funding_infos(ask).await?;
        let open = futures::open_interest(ask, &pair).await?;
        Ok(Futures {
            technical: Technical::new(&day, &candles, input.interval, FUTURES)?,
            funding: FundingNow::new(&premium, &infos),
            open_interest: open.open_interest,
        })
    }
}
