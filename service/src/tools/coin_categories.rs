//! `get_categories`: kinds of coins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::cut;
use crate::input::{Count, Words};
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
    /// A part of the name, such as meme; all when nothing is said.
    query: Option<Words>,
    /// How many categories at most.
    #[serde(default)]
    limit: Count<20, 100>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Categories {
    /// How many there are.
    total: usize,
    /// There when the list was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<String>,
    /// The largest first.
    categories: Vec<Category>,
}

/// One category.
#[derive(Serialize, JsonSchema)]
struct Category {
    /// The identifier that get_coin_markets takes.
    id: String,
    /// Its name.
    name: String,
    /// All its coins together.
    market_cap_usd: Option<Num>,
    /// The same against 24 hours ago.
    market_cap_change_24h_percent: Option<Num>,
    /// Traded in 24 hours.
    volume_24h_usd: Option<Num>,
    /// The three largest coins.
    top_coins: Vec<String>,
}

impl Tool for Definition {
    const NAME: &str = "get_categories";
    const TITLE: &str = "Categories";
    const DESCRIPTION: &str = "Kinds of coins (layer 1, meme, DeFi) by CoinGecko with their value, change and volume over 24 hours, the largest first.";
    const ROUTE: &str = "/coingecko/categories";
    const EXAMPLE: &str = "limit=10";
    const SET: Set = Set::Coins;
    type Input = Input;
    type Output = Categories;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Categories, Failure> {
        let all = coingecko::categories(ask).await?;
        let wanted = input
            .query
            .map(|query| query.0.to_lowercase())
            .unwrap_or_default();
        let matches = |text: &str| text.to_lowercase().contains(&wanted);
        let found = all
            .iter()
            .filter(|category| matches(&category.name) || matches(&category.id));
        let found: Vec<&coingecko::Category> = found.collect();
        let shown = found
            .iter()
            .take(input.limit.0 as usize)
            .map(|category| Category {
                id: category.id.clone(),
                name: category.name.clone(),
                market_cap_usd: category.market_cap,
                market_cap_change_24h_percent: category.market_cap_change_24h,
                volume_24h_usd: category.volume_24h,
                top_coins: category.top_3_coins_id.clone(),
            });
        let shown: Vec<Category> = shown.collect();
        Ok(Categories {
            total: found.len(),
            cut: cut(shown.len(), found.len()),
            categories: shown,
        })
    }
}
