//! `get_coin_markets`: coins by market value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{Count, Slug};
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
    /// A category's identifier, such as layer-1; get_categories finds it.
    category: Option<Slug>,
    /// A currency such as usd or eur; usd when nothing is said.
    vs_currency: Option<Slug>,
    /// How many coins.
    #[serde(default)]
    limit: Count<20, 100>,
    /// Which page of so many coins.
    #[serde(default)]
    page: Count<1, 100>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Markets {
    /// The currency.
    currency: String,
    /// How many coins follow.
    count: usize,
    /// The largest first.
    coins: Vec<Coin>,
}

/// One coin.
#[derive(Serialize, JsonSchema)]
struct Coin {
    /// The identifier that other tools take.
    id: String,
    /// Its short name.
    symbol: String,
    /// Its name.
    name: String,
    /// By market value.
    market_cap_rank: Option<u32>,
    /// The price.
    price: Option<Num>,
    /// All its coins together.
    market_cap: Option<Num>,
    /// Traded in 24 hours.
    volume_24h: Option<Num>,
    /// The highest price of 24 hours.
    high_24h: Option<Num>,
    /// The lowest price of 24 hours.
    low_24h: Option<Num>,
    /// The price's change in 24 hours.
    change_24h_percent: Option<Num>,
}

impl Tool for Definition {
    const NAME: &str = "get_coin_markets";
    const TITLE: &str = "Coins by market value";
    const DESCRIPTION: &str = "The largest coins by CoinGecko, all or of a category, with price, market value, volume and change over 24 hours.";
    const ROUTE: &str = "/coingecko/markets";
    const EXAMPLE: &str = "vs_currency=usd&limit=10";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = Markets;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Markets, Failure> {
        let currency = input
            .vs_currency
            .map_or_else(|| "usd".to_owned(), |currency| currency.0);
        let category = input.category.as_ref().map(|category| category.0.as_str());
        let coins = coingecko::markets(ask, &currency, category, input.limit.0, input.page.0).await?;
        let coins: Vec<Coin> = coins
            .iter()
            .map(|coin| Coin {
                id: coin.id.clone(),
                symbol: coin.symbol.to_uppercase(),
                name: coin.name.clone(),
                market_cap_rank: coin.market_cap_rank,
                price: coin.current_price,
                market_cap: coin.market_cap,
                volume_24h: coin.total_volume,
                high_24h: coin.high_24h,
                low_24h: coin.low_24h,
                change_24h_percent: coin.price_change_percentage_24h,
            })
            .collect();
        Ok(Markets {
            currency,
            count: coins.len(),
            coins,
        })
    }
}
