//! `get_global_market`: the whole market.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Num;
use crate::time::iso;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::coingecko;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Whole {
    /// All coins together.
    market_cap_usd: Option<Num>,
    /// The same against 24 hours ago.
    market_cap_change_24h_percent: Option<Num>,
    /// Traded in 24 hours.
    volume_24h_usd: Option<Num>,
    /// The largest coins' shares of all, in percent.
    shares_percent: BTreeMap<String, Num>,
    /// How many coins there are.
    coins: u64,
    /// How many exchanges there are.
    exchanges: u64,
    /// When this was true, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
}

impl Tool for Definition {
    const NAME: &str = "get_global_market";
    const TITLE: &str = "The whole market";
    const DESCRIPTION: &str = "The whole crypto market by CoinGecko: value, change and volume over 24 hours, and the shares of Bitcoin and others.";
    const ROUTE: &str = "/coingecko/global";
    const EXAMPLE: &str = "";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = Whole;

    async fn run(_: Input, ask: &Ask<'_>) -> Result<Whole, Failure> {
        let global = coingecko::global(ask).await?;
        let data = &global.data;
        let usd = |values: &coingecko::InCurrencies| values.get("usd").copied().flatten();
        let rounded = |value: Num| Num::significant(value.float(), 6);
        let shares = data.market_cap_percentage.iter();
        let shares = shares.filter_map(|(coin, share)| Some((coin.clone(), rounded((*share)?)?)));
        Ok(Whole {
            market_cap_usd: usd(&data.total_market_cap),
            market_cap_change_24h_percent: data.market_cap_change_percentage_24h_usd.and_then(rounded),
            volume_24h_usd: usd(&data.total_volume),
            shares_percent: shares.collect(),
            coins: data.active_cryptocurrencies,
            exchanges: data.markets,
            time: data.updated_at * 1000,
            time_iso: iso(data.updated_at * 1000),
        })
    }
}
