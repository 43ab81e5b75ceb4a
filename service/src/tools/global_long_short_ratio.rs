//! `get_global_long_short_ratio`: accounts of all traders that are long against those that are short.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::LongShorts;
use crate::input::{Count, Pair, Period};
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
use crate::wire::futures::{self, LongShort};

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Pair,
    /// How long each period is.
    #[serde(default)]
    period: Period,
    /// How many periods.
    #[serde(default)]
    limit: Count<30, 200>,
}



impl Tool for Definition {
    const NAME: &str = "get_global_long_short_ratio";
    const TITLE: &str = "All traders by account";
    const DESCRIPTION: &str = "The accounts of all traders that are long against those that are short, in a contract on Binance USDT futures over the last periods, newest first.";
    const ROUTE: &str = "/binance/futures/long-short/global";
    const EXAMPLE: &str = "symbol=BTC&period=1h&limit=5";
    type Input = Input;
    type Output = LongShorts;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<LongShorts, Failure> {
        let path = "/futures/data/globalLongShortAccountRatio";
        let rows = futures::statistic::<LongShort>(ask, path, &input.symbol, input.period, input.limit.0).await?;
        Ok(LongShorts::new(input.symbol, input.period, &rows))
    }
}
