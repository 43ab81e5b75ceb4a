//! The exchange: asked over HTTP, or answered from what is bundled.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::config::Upstream;

/// Why there is no price.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The exchange does not know the pair.
    #[error("there is no pair {0} on the exchange")]
    Unknown(String),
    /// The exchange cannot be asked now.
    #[error("the exchange does not answer: {0}")]
    Down(String),
}

/// Recorded prices: the shape of Binance's `/api/v3/ticker/price`.
const RECORDED: &str = include_str!("../recorded/ticker-price.json");

#[derive(Debug, Deserialize)]
struct Ticker {
    symbol: String,
    #[serde(with = "rust_decimal::serde::str")]
    price: Decimal,
}

/// Asks for prices.
#[derive(Debug)]
pub struct Prices {
    upstream: Upstream,
    client: reqwest::Client,
}

impl Prices {
    /// A client for the upstream. Nothing is connected yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(upstream: Upstream) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(8))
            .build()?;
        Ok(Self { upstream, client })
    }

    /// Whether answers are recorded ones.
    pub fn recorded(&self) -> bool {
        self.upstream == Upstream::Recorded
    }

    /// The price of a pair.
    ///
    /// # Errors
    /// When the pair is unknown or the exchange cannot be asked.
    pub async fn spot(&self, pair: &str) -> Result<Decimal, PriceError> {
        match &self.upstream {
            Upstream::Recorded => recorded(pair),
            Upstream::Live(base) => self.live(base, pair).await,
        }
    }

    async fn live(&self, base: &str, pair: &str) -> Result<Decimal, PriceError> {
        let down = |error: reqwest::Error| PriceError::Down(error.without_url().to_string());
        let url = format!("{base}/api/v3/ticker/price?symbol={pair}");
        let response = self.client.get(url).send().await.map_err(down)?;
        match response.status().as_u16() {
            200 => Ok(response.json::<Ticker>().await.map_err(down)?.price),
            // Binance: 400 with code -1121 is "Invalid symbol.".
            400 => Err(PriceError::Unknown(pair.to_owned())),
            status => Err(PriceError::Down(format!("it answered with status {status}"))),
        }
    }
}

fn recorded(pair: &str) -> Result<Decimal, PriceError> {
    let tickers: Vec<Ticker> =
        serde_json::from_str(RECORDED).map_err(|error| PriceError::Down(error.to_string()))?;
    let found = tickers.into_iter().find(|ticker| ticker.symbol == pair);
    found
        .map(|ticker| ticker.price)
        .ok_or_else(|| PriceError::Unknown(pair.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bundled_can_be_read() {
        assert_eq!(recorded("BTCUSDT").expect("there").to_string(), "92731.52000000");
        assert!(matches!(recorded("NONEUSDT"), Err(PriceError::Unknown(_))));
    }
}
