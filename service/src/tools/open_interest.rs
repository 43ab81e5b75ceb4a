//! `get_open_interest`: open contracts now.

use schemars::JsonSchema;
use serde::Serialize;

use super::inputs::OfPair;
use crate::number::Num;
use crate::tool::Tool;
use crate::upstream::{Ask, Failure};
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
}

impl Tool for Definition {
    const NAME: &str = "get_open_interest";
    const TITLE: &str = "Open interest";
    const DESCRIPTION: &str =
        "How many contracts are open now on Binance USDT futures, in the base currency and in USDT.";
    const ROUTE: &str = "/binance/futures/open-interest";
    const EXAMPLE: &str = "symbol=BTC";
    type Input = OfPair;
    type Output = Open;

    async fn run(input: OfPair, ask: &Ask<'_>) -> Result<Open, Failure> {
        let open = futures::open_interest(ask, &input.symbol).await?;
        let premium = futures::premium(ask, &input.symbol).await?;
        Ok(Open {
            symbol: input.symbol.0,
            open_interest: open.open_interest,
            open_interest_value: premium
                .mark_price
                .and_then(|mark| mark.0.checked_mul(open.open_interest.0))
                .map(Num),
            time: open.time,
        })
    }
}
