//! `get_price`: prices by CoinGecko.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{Several, Slug};
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
    /// Identifiers such as bitcoin or ethereum.
    coin_ids: Several<Slug, 50>,
    /// Currencies such as usd or eur.
    vs_currencies: Option<Several<Slug, 10>>,
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Prices {
    /// One for each coin and currency.
    prices: Vec<Quote>,
    /// Identifiers that CoinGecko does not know.
    unknown: Vec<String>,
}

/// A coin in a currency.
#[derive(Serialize, JsonSchema)]
struct Quote {
    /// The coin's identifier.
    coin: String,
    /// The currency.
    currency: String,
    /// The price.
    price: Num,
    /// All coins together.
    market_cap: Option<Num>,
    /// Traded in 24 hours.
    volume_24h: Option<Num>,
    /// The price's change in 24 hours.
    change_24h_percent: Option<Num>,
}

impl Tool for Definition {
    const NAME: &str = "get_price";
    const TITLE: &str = "Coin prices";
    const DESCRIPTION: &str = "Prices of up to 50 coins by their CoinGecko identifiers, with market value, volume and change over 24 hours.";
    const ROUTE: &str = "/coingecko/price";
    const EXAMPLE: &str = "coin_ids=bitcoin";
    const SET: Set = Set::Coins;
    const COMPACT: bool = true;
    type Input = Input;
    type Output = Prices;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Prices, Failure> {
        let names =
            |slugs: Several<Slug, 50>| -> Vec<String> { slugs.0.into_iter().map(|slug| slug.0).collect() };
        let ids = names(input.coin_ids);
        let currencies = match input.vs_currencies {
            Some(currencies) => currencies.0.into_iter().map(|slug| slug.0).collect(),
            None => vec!["usd".to_owned()],
        };
        let known = coingecko::prices(ask, &ids, &currencies).await?;
        let (found, unknown): (Vec<String>, Vec<String>) =
            ids.into_iter().partition(|id| known.contains_key(id));
        if let (true, Some(first)) = (found.is_empty(), unknown.first()) {
            return Err(Failure::Unknown {
                what: "the coin",
                near: coingecko::near(ask, first).await,
                name: first.clone(),
            });
        }
        let quote = |id: &String, currency: &String| {
            let values = known.get(id)?;
            let value = |suffix: &str| values.get(&format!("{currency}{suffix}")).copied().flatten();
            Some(Quote {
                coin: id.clone(),
                currency: currency.clone(),
                price: value("")?,
                market_cap: value("_market_cap"),
                volume_24h: value("_24h_vol"),
                change_24h_percent: value("_24h_change"),
            })
        };
        let prices = found
            .iter()
            .flat_map(|id| currencies.iter().filter_map(move |currency| quote(id, currency)));
        Ok(Prices {
            prices: prices.collect(),
            unknown,
        })
    }
}
