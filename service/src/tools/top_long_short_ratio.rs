//! `get_top_long_short_ratio`: accounts of the top traders that are long against those that are short.

use super::answers::LongShorts;
use super::inputs::OfPeriods;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures::{self, LongShort};

/// The tool.
pub struct Definition;

impl Tool for Definition {
    const NAME: &str = "get_top_long_short_ratio";
    const TITLE: &str = "Top traders by account";
    const DESCRIPTION: &str = "The accounts of the top traders that are long against those that are short, in a contract on Binance USDT futures over the last periods, newest first.";
    const ROUTE: &str = "/binance/futures/long-short/top-accounts";
    const EXAMPLE: &str = "symbol=BTC&period=1h&limit=5";
    const SET: Set = Set::Futures;
    type Input = OfPeriods;
    type Output = LongShorts;

    async fn run(input: OfPeriods, ask: &Ask<'_>) -> Result<LongShorts, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let path = "/futures/data/topLongShortAccountRatio";
        let rows =
            futures::statistic::<LongShort>(ask, path, &pair, input.period, input.limit.0, input.span())
                .await?;
        Ok(LongShorts::new(pair, input.period, &rows))
    }
}
