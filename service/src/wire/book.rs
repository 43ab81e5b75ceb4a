//! Orders, trades and rules, as Binance spot and futures write them alike.

use serde::Deserialize;

use crate::number::Num;

/// What is offered and wanted, the best first: price and amount.
#[derive(Debug, Deserialize)]
pub struct Book {
    /// Wanted.
    pub bids: Vec<(Num, Num)>,
    /// Offered.
    pub asks: Vec<(Num, Num)>,
}

/// A trade.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
    pub price: Num,
    #[serde(rename = "qty")]
    pub amount: Num,
    pub time: i64,
    /// Whether the buyer's order stood in the book, so that the seller took it.
    pub is_buyer_maker: bool,
}

/// What an exchange says of its pairs.
#[derive(Debug, Deserialize)]
pub struct About {
    pub symbols: Vec<Rules>,
}

/// What an exchange says of a pair.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    pub symbol: String,
    pub status: String,
    pub base_asset: String,
    pub quote_asset: String,
    #[serde(default)]
    pub order_types: Vec<String>,
    pub contract_type: Option<String>,
    pub onboard_date: Option<i64>,
    pub delivery_date: Option<i64>,
    #[serde(default)]
    pub filters: Vec<Filter>,
}

/// A limit to orders.
#[derive(Debug, Deserialize)]
#[serde(tag = "filterType")]
pub enum Filter {
    #[serde(rename = "PRICE_FILTER", rename_all = "camelCase")]
    Price { tick_size: Num },
    #[serde(rename = "LOT_SIZE", rename_all = "camelCase")]
    Amount {
        min_qty: Num,
        max_qty: Num,
        step_size: Num,
    },
    #[serde(rename = "NOTIONAL", alias = "MIN_NOTIONAL", rename_all = "camelCase")]
    Value {
        #[serde(alias = "notional")]
        min_notional: Num,
    },
    #[serde(other)]
    Other,
}
