//! `get_trading_rules`: whether a pair is traded, and within what limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{Market, Symbol};
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::{Filter, futures, spot};

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Symbol,
    /// Which market.
    #[serde(default)]
    market: Market,
}

/// What it answers.
#[derive(Default, Serialize, JsonSchema)]
pub struct Rules {
    /// The pair.
    symbol: String,
    /// Which market.
    market: Market,
    /// Whether it is traded now.
    trading: bool,
    /// The exchange's word for that: TRADING, BREAK.
    status: String,
    /// What the word means.
    status_meaning: &'static str,
    /// What is traded.
    base: String,
    /// What it is paid in.
    quote: String,
    /// PERPETUAL, or how long a contract with a delivery date runs.
    contract_type: Option<String>,
    /// When a contract was listed, in ISO 8601.
    listed: Option<String>,
    /// When a contract ends, in ISO 8601.
    delivery: Option<String>,
    /// Prices are multiples of this.
    price_step: Option<Num>,
    /// Amounts are multiples of this.
    amount_step: Option<Num>,
    /// The least amount.
    amount_min: Option<Num>,
    /// The largest amount.
    amount_max: Option<Num>,
    /// The least value of an order, in the quote currency.
    value_min: Option<Num>,
    /// What kinds of orders there are.
    order_types: Vec<String>,
}

/// Contracts that never end are said to end after this: 2090.
const NEVER: i64 = 3_786_912_000_000;

fn meaning(status: &str) -> &'static str {
    match status {
        "TRADING" => "it is traded",
        "BREAK" => "it is not traded: delisted, or suspended for a long time; prices of it are old",
        "HALT" => "trading is halted for now",
        "END_OF_DAY" | "POST_TRADING" | "AUCTION_MATCH" => "it is not traded at this hour",
        "PRE_TRADING" | "PENDING_TRADING" => "it is announced, and not traded yet",
        "PRE_DELIVERING" | "DELIVERING" | "DELIVERED" | "PRE_SETTLE" | "SETTLING" | "CLOSE" => {
            "the contract ends or has ended, and is not traded any more"
        }
        _ => "it is not traded now",
    }
}

impl Tool for Definition {
    const NAME: &str = "get_trading_rules";
    const TITLE: &str = "Trading rules and status";
    const DESCRIPTION: &str = "Whether a pair on Binance spot or futures is traded, halted or delisted, and the steps and limits of its prices and orders.";
    const ROUTE: &str = "/binance/trading-rules";
    const EXAMPLE: &str = "symbol=BTC&market=spot";
    const SET: Set = Set::Spot;
    type Input = Input;
    type Output = Rules;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Rules, Failure> {
        let pair = ask.pair(input.market.source(), &input.symbol);
        let (about, what) = match input.market {
            Market::Spot => (spot::about(ask, &pair).await?, "the spot pair"),
            Market::Futures => (futures::about(ask).await?, "the futures contract"),
        };
        let unknown = || Failure::Unknown {
            what,
            name: pair.name.clone(),
            near: Vec::new(),
        };
        let found = about.symbols.iter().find(|rules| rules.symbol == pair.name);
        let found = found.ok_or_else(unknown)?;
        let mut rules = Rules {
            symbol: found.symbol.clone(),
            market: input.market,
            trading: found.status == "TRADING",
            status: found.status.clone(),
            status_meaning: meaning(&found.status),
            base: found.base_asset.clone(),
            quote: found.quote_asset.clone(),
            contract_type: found.contract_type.clone(),
            listed: found.onboard_date.map(iso),
            delivery: found.delivery_date.filter(|date| *date < NEVER).map(iso),
            order_types: found.order_types.clone(),
            ..Rules::default()
        };
        for filter in &found.filters {
            match filter {
                Filter::Price { tick_size } => rules.price_step = Some(*tick_size),
                Filter::Amount {
                    min_qty,
                    max_qty,
                    step_size,
                } => {
                    rules.amount_min = Some(*min_qty);
                    rules.amount_max = Some(*max_qty);
                    rules.amount_step = Some(*step_size);
                }
                Filter::Value { min_notional } => rules.value_min = Some(*min_notional),
                Filter::Other => {}
            }
        }
        Ok(rules)
    }
}
