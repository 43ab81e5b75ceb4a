//! A spot price, as the document's program says it.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::Number;

/// The answer to a question for a spot price.
#[derive(Debug, PartialEq, Serialize)]
pub struct SpotPrice {
    /// The pair: `BTCUSDT`.
    pub symbol: String,
    /// The price as a number.
    pub price: Number,
    /// The price for people: `$92,731.5200`.
    pub price_formatted: String,
    /// The market: spot.
    pub market: &'static str,
    /// Set when the answer was recorded and is not the market's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<&'static str>,
}

impl SpotPrice {
    /// The answer for `symbol` at `price`; none when the number cannot be said in JSON.
    pub fn new(symbol: &str, price: Decimal, recorded: bool) -> Option<Self> {
        let number = Number::from_f64(price.to_f64()?)?;
        Some(Self {
            symbol: symbol.to_owned(),
            price: number,
            price_formatted: dollars(price),
            market: "现货",
            upstream: recorded.then_some("recorded"),
        })
    }
}

/// The pair that a symbol means: upper case, and against USDT when it names no other currency.
pub fn pair(symbol: &str) -> Option<String> {
    const QUOTES: [&str; 8] = ["USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR"];
    let symbol = symbol.trim().to_uppercase();
    let valid = !symbol.is_empty() && symbol.len() <= 20 && symbol.chars().all(char::is_alphanumeric);
    if !valid {
        return None;
    }
    let quoted = QUOTES
        .iter()
        .any(|quote| symbol.len() > quote.len() && symbol.ends_with(quote));
    Some(if quoted { symbol } else { symbol + "USDT" })
}

fn dollars(price: Decimal) -> String {
    let text = format!(
        "{:.4}",
        price.round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven)
    );
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0000"));
    let digits: Vec<char> = whole.chars().collect();
    let mut grouped = String::new();
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && *digit != '-' && digits[index - 1] != '-'
        {
            grouped.push(',');
        }
        grouped.push(*digit);
    }
    format!("${grouped}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(price: &str) -> String {
        let price = SpotPrice::new("BTCUSDT", price.parse().expect("a number"), false).expect("an answer");
        serde_json::to_string(&price).expect("JSON")
    }

    #[test]
    fn the_body_is_the_documents() {
        let wanted =
            r#"{"symbol":"BTCUSDT","price":92731.52,"price_formatted":"$92,731.5200","market":"现货"}"#;
        assert_eq!(answer("92731.52000000"), wanted);
        assert!(answer("0.00001234").contains(r#""price":0.00001234,"price_formatted":"$0.0000""#));
        assert!(answer("1234567.5").contains("$1,234,567.5000"));
        assert!(answer("999").contains("$999.0000"));
    }

    #[test]
    fn a_symbol_is_a_pair_against_usdt() {
        assert_eq!(pair(" btc "), Some("BTCUSDT".into()));
        assert_eq!(pair("ETHBTC"), Some("ETHBTC".into()));
        assert_eq!(pair("BTCUSDT"), Some("BTCUSDT".into()));
        assert_eq!(pair("BTC/USDT"), None);
        assert_eq!(pair(""), None);
    }
}
