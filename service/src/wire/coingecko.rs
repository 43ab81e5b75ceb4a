//! CoinGecko. Paths and fields: <https://docs.coingecko.com/v3.0.1/reference>.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::input::Slug;
use crate::number::Num;
use crate::upstream::{Ask, Call, Failure, Kind, Source};

/// A value in several currencies.
pub type InCurrencies = BTreeMap<String, Option<Num>>;

/// A coin with its market.
#[derive(Debug, Deserialize)]
pub struct Coin {
    pub id: String,
    pub symbol: String,
    pub name: String,
    pub market_cap_rank: Option<u32>,
    #[serde(default)]
    pub categories: Vec<Option<String>>,
    #[serde(default)]
    pub description: BTreeMap<String, String>,
    pub genesis_date: Option<String>,
    pub market_data: CoinMarket,
}

/// A coin's market.
#[derive(Debug, Deserialize)]
pub struct CoinMarket {
    #[serde(default)]
    pub current_price: InCurrencies,
    #[serde(default)]
    pub market_cap: InCurrencies,
    #[serde(default)]
    pub total_volume: InCurrencies,
    #[serde(default)]
    pub high_24h: InCurrencies,
    #[serde(default)]
    pub low_24h: InCurrencies,
    #[serde(default)]
    pub ath: InCurrencies,
    pub price_change_percentage_24h: Option<Num>,
    pub price_change_percentage_7d: Option<Num>,
    pub price_change_percentage_30d: Option<Num>,
    pub circulating_supply: Option<Num>,
    pub max_supply: Option<Num>,
}

/// Coins that a text finds.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// Best first.
    pub coins: Vec<Listed>,
}

/// A coin in a list.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub id: String,
    pub name: String,
    pub symbol: String,
    pub market_cap_rank: Option<u32>,
    pub data: Option<ListedData>,
}

/// A trending coin's market.
#[derive(Debug, Deserialize)]
pub struct ListedData {
    /// In dollars.
    pub price: Option<Num>,
    /// In several currencies.
    #[serde(default)]
    pub price_change_percentage_24h: InCurrencies,
}

/// Coins that are searched for most.
#[derive(Debug, Deserialize)]
pub struct Trending {
    /// Most searched first.
    pub coins: Vec<TrendingItem>,
}

/// A coin that is searched for.
#[derive(Debug, Deserialize)]
pub struct TrendingItem {
    /// The coin.
    pub item: Listed,
}

/// Prices of some coins: by coin, then by currency and by `CURRENCY_24h_change` and the like.
///
/// # Errors
/// As [`Ask::get`]. Unknown coins are missing from the answer.
pub async fn prices(
    ask: &Ask<'_>,
    ids: &[String],
    currencies: &[String],
) -> Result<Arc<BTreeMap<String, InCurrencies>>, Failure> {
    let call = Call::new(Source::CoinGecko, "/simple/price")
        .with("ids", ids.join(","))
        .with("vs_currencies", currencies.join(","))
        .with("include_market_cap", "true")
        .with("include_24hr_vol", "true")
        .with("include_24hr_change", "true")
        .ages(Kind::List);
    ask.get(&call).await
}

/// One coin.
///
/// # Errors
/// As [`Ask::get`]; an unknown coin comes with the names that a search finds.
pub async fn coin(ask: &Ask<'_>, id: &Slug) -> Result<Arc<Coin>, Failure> {
    let call = Call::new(Source::CoinGecko, format!("/coins/{}", possible(id)?))
        .with("localization", "false")
        .with("tickers", "false")
        .with("community_data", "false")
        .with("developer_data", "false")
        .ages(Kind::List);
    known(ask, &id.0, ask.get(&call).await).await
}

/// What stands in a path is asked for only when it can be a name.
fn possible(id: &Slug) -> Result<&str, Failure> {
    if id.is_possible() {
        return Ok(&id.0);
    }
    Err(Failure::Unknown {
        what: "the coin",
        name: id.0.clone(),
        near: Vec::new(),
    })
}

/// With what a search finds for an unknown name.
async fn known<T>(ask: &Ask<'_>, id: &str, answer: Result<T, Failure>) -> Result<T, Failure> {
    match answer {
        Err(Failure::Unknown { what, .. }) => Err(Failure::Unknown {
            what,
            near: near(ask, id).await,
            name: id.to_owned(),
        }),
        answer => answer,
    }
}

/// Identifiers of the coins that a search for `name` finds first.
pub async fn near(ask: &Ask<'_>, name: &str) -> Vec<String> {
    let found = search(ask, name).await;
    let coins = found.iter().flat_map(|found| &found.coins);
    coins.take(3).map(|coin| coin.id.clone()).collect()
}

/// Coins that a text finds.
///
/// # Errors
/// As [`Ask::get`].
pub async fn search(ask: &Ask<'_>, text: &str) -> Result<Arc<Found>, Failure> {
    let call = Call::new(Source::CoinGecko, "/search")
        .with("query", text)
        .ages(Kind::Reference);
    ask.get(&call).await
}

/// Coins that are searched for most.
///
/// # Errors
/// As [`Ask::get`].
pub async fn trending(ask: &Ask<'_>) -> Result<Arc<Trending>, Failure> {
    ask.get(&Call::new(Source::CoinGecko, "/search/trending").ages(Kind::List))
        .await
}

/// A coin's past: pairs of a moment and a value.
#[derive(Debug, Deserialize)]
pub struct Past {
    pub prices: Vec<(i64, Option<Num>)>,
    #[serde(default)]
    pub market_caps: Vec<(i64, Option<Num>)>,
    #[serde(default)]
    pub total_volumes: Vec<(i64, Option<Num>)>,
}

/// A coin's past in a currency.
///
/// # Errors
/// As [`coin`].
pub async fn past(ask: &Ask<'_>, id: &Slug, currency: &str, days: u32) -> Result<Arc<Past>, Failure> {
    let call = Call::new(
        Source::CoinGecko,
        format!("/coins/{}/market_chart", possible(id)?),
    )
    .with("vs_currency", currency)
    .with("days", days.to_string())
    .ages(Kind::List);
    known(ask, &id.0, ask.get(&call).await).await
}

/// The whole market.
#[derive(Debug, Deserialize)]
pub struct Global {
    pub data: GlobalData,
}

/// The whole market's numbers.
#[derive(Debug, Deserialize)]
pub struct GlobalData {
    pub active_cryptocurrencies: u64,
    pub markets: u64,
    #[serde(default)]
    pub total_market_cap: InCurrencies,
    #[serde(default)]
    pub total_volume: InCurrencies,
    #[serde(default)]
    pub market_cap_percentage: InCurrencies,
    pub market_cap_change_percentage_24h_usd: Option<Num>,
    /// In seconds.
    pub updated_at: i64,
}

/// The whole market.
///
/// # Errors
/// As [`Ask::get`].
pub async fn global(ask: &Ask<'_>) -> Result<Arc<Global>, Failure> {
    ask.get(&Call::new(Source::CoinGecko, "/global").ages(Kind::List))
        .await
}

/// Coins of a kind.
#[derive(Debug, Deserialize)]
pub struct Category {
    pub id: String,
    pub name: String,
    pub market_cap: Option<Num>,
    pub market_cap_change_24h: Option<Num>,
    pub volume_24h: Option<Num>,
    #[serde(default)]
    pub top_3_coins_id: Vec<String>,
}

/// Every category, the largest first.
///
/// # Errors
/// As [`Ask::get`].
pub async fn categories(ask: &Ask<'_>) -> Result<Arc<Vec<Category>>, Failure> {
    let call = Call::new(Source::CoinGecko, "/coins/categories").with("order", "market_cap_desc");
    ask.get(&call.ages(Kind::Reference)).await
}

/// A coin's market in one currency.
#[derive(Debug, Deserialize)]
pub struct Ranked {
    pub id: String,
    pub symbol: String,
    pub name: String,
    pub current_price: Option<Num>,
    pub market_cap: Option<Num>,
    pub market_cap_rank: Option<u32>,
    pub total_volume: Option<Num>,
    pub high_24h: Option<Num>,
    pub low_24h: Option<Num>,
    pub price_change_percentage_24h: Option<Num>,
}

/// Coins by market value, the largest first.
///
/// # Errors
/// As [`Ask::get`].
pub async fn markets(
    ask: &Ask<'_>,
    currency: &str,
    category: Option<&str>,
    limit: u32,
    page: u32,
) -> Result<Arc<Vec<Ranked>>, Failure> {
    let mut call = Call::new(Source::CoinGecko, "/coins/markets")
        .with("vs_currency", currency)
        .with("order", "market_cap_desc")
        .with("per_page", limit.to_string())
        .with("page", page.to_string());
    if let Some(category) = category {
        call = call.with("category", category);
    }
    ask.get(&call.ages(Kind::List)).await
}
