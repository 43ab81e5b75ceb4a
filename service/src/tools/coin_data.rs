//! `get_coin_data`: what CoinGecko knows of a coin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::Slug;
use crate::number::Num;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::coingecko;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// An identifier such as bitcoin; search_coins finds it.
    coin_id: Slug,
}

/// Descriptions are cut after so many characters: they run to pages.
const DESCRIPTION: usize = 600;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Data {
    id: String,
    symbol: String,
    name: String,
    market_cap_rank: Option<u32>,
    price_usd: Option<Num>,
    market_cap_usd: Option<Num>,
    volume_24h_usd: Option<Num>,
    high_24h_usd: Option<Num>,
    low_24h_usd: Option<Num>,
    all_time_high_usd: Option<Num>,
    change_24h_percent: Option<Num>,
    change_7d_percent: Option<Num>,
    change_30d_percent: Option<Num>,
    circulating_supply: Option<Num>,
    max_supply: Option<Num>,
    genesis_date: Option<String>,
    /// The first five.
    categories: Vec<String>,
    /// Cut after 600 characters, with an ellipsis.
    description: Option<String>,
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DESCRIPTION) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Tool for Definition {
    const NAME: &str = "get_coin_data";
    const TITLE: &str = "Coin data";
    const DESCRIPTION: &str =
        "What CoinGecko knows of a coin: rank, price, market value, volume, supply, extremes and what it is.";
    const ROUTE: &str = "/coingecko/coin";
    const EXAMPLE: &str = "coin_id=bitcoin";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = Data;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Data, Failure> {
        let coin = coingecko::coin(ask, &input.coin_id).await?;
        let market = &coin.market_data;
        let usd = |values: &coingecko::InCurrencies| values.get("usd").copied().flatten();
        Ok(Data {
            id: coin.id.clone(),
            symbol: coin.symbol.to_uppercase(),
            name: coin.name.clone(),
            market_cap_rank: coin.market_cap_rank,
            price_usd: usd(&market.current_price),
            market_cap_usd: usd(&market.market_cap),
            volume_24h_usd: usd(&market.total_volume),
            high_24h_usd: usd(&market.high_24h),
            low_24h_usd: usd(&market.low_24h),
            all_time_high_usd: usd(&market.ath),
            change_24h_percent: market.price_change_percentage_24h,
            change_7d_percent: market.price_change_percentage_7d,
            change_30d_percent: market.price_change_percentage_30d,
            circulating_supply: market.circulating_supply,
            max_supply: market.max_supply,
            genesis_date: coin.genesis_date.clone(),
            categories: coin.categories.iter().flatten().take(5).cloned().collect(),
            description: coin.description.get("en").map(|text| shortened(text)),
        })
    }
}
