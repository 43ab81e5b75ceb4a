//! `comprehensive_analysis_futures`: a technical analysis on Binance USDT futures.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{FUTURES, FundingNow};
use super::inputs::OfPair;
use super::technical::{CANDLES, Technical};
use crate::input::Interval;
use crate::number::Num;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures;

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
    const DESCRIPTION: &str = "A pair on Binance USDT futures over 200 one-hour candles: RSI, MACD, Bollinger bands, moving averages, patterns and a summary, with funding and open interest.";
    const ROUTE: &str = "/binance/analysis/futures-comprehensive";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = OfPair;
    type Output = Futures;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Futures, Failure> {
        let candles = futures::candles(ask, &input.symbol, Interval::Hour1, CANDLES).await?;
        let day = futures::day(ask, &input.symbol).await?;
        let premium = futures::premium(ask, &input.symbol).await?;
        let infos = futures::funding_infos(ask).await?;
        let open = futures::open_interest(ask, &input.symbol).await?;
        Ok(Futures {
            technical: Technical::new(&day, &candles, FUTURES)?,
            funding: FundingNow::new(&premium, &infos),
            open_interest: open.open_interest,
        })
    }
}
