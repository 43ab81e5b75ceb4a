//! `get_open_interest`: open contracts now.

use schemars::JsonSchema;
use serde::Serialize;

use super::inputs::OfPair;
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::futures;

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Open {
    /// The contract.
    symbol: String,
    /// In the base currency.
    open_interest: Num,
    /// In the quote currency, at the mark price.
    open_interest_value: Option<Num>,
    /// When this was true, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
}

impl Tool for Definition {
    const NAME: &str = "get_open_interest";
    const TITLE: &str = "Open interest";
    const DESCRIPTION: &str =
        "How many contracts are open now on Binance USDT futures, in the base currency and in USDT.";
    const ROUTE: &str = "/binance/futures/open-interest";
    const EXAMPLE: &str = "symbol=BTC";
    const SET: Set = Set::Futures;
    type Input = OfPair;
    type Output = Open;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Open, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let open = futures::open_interest(ask, &pair).await?;
        let premium = futures::premium(ask, &pair).await?;
        Ok(Open {
            symbol: pair.name,
            open_interest: open.open_interest,
            open_interest_value: premium
                .mark_price
                .and_then(|mark| mark.0.checked_mul(open.open_interest.0))
                .map(Num),
            time: open.time,
            time_iso: iso(open.time),
        })
    }
}
