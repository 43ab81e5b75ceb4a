//! What a pair is called: the exchange's own names first, and how other tools spell them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::input::Symbol;
use crate::upstream::{Ask, Call, Failure, Kind, Source};

use super::spot::Price;

/// Currencies that pairs are quoted in, longer names before their ends.
const QUOTES: [&str; 27] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD1", "EURI", "BIDR", "IDRT", "BTC", "ETH", "BNB", "TRY",
    "EUR", "BRL", "JPY", "GBP", "AUD", "MXN", "PLN", "ARS", "ZAR", "UAH", "RON", "CZK", "COP", "DAI",
];
/// Coins whose names end like a pair's.
const COINS: [&str; 8] = [
    "WBTC", "CBBTC", "STETH", "WBETH", "RETH", "BETH", "LDUSDT", "TBTC",
];
/// What a coin is paid in when nothing is said.
const USUAL: &str = "USDT";
/// So many names are suggested.
const SUGGESTED: usize = 4;

/// A pair or contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The exchange's name.
    pub name: String,
    /// What is traded, and what it is paid in; empty when the name does not tell.
    pub base: String,
    pub quote: String,
}

/// What a pair is paid in; empty when its name does not tell.
pub fn quote(name: &str) -> &'static str {
    let whole = name.split('_').next().unwrap_or(name);
    let ends = |quote: &&str| whole.len() > quote.len() && whole.ends_with(quote);
    QUOTES.into_iter().find(ends).unwrap_or_default()
}

impl Pair {
    /// The pair of this name, taken apart as far as its name tells.
    pub fn of(name: &str) -> Self {
        let quote = quote(name);
        let whole = name.split('_').next().unwrap_or(name);
        Self {
            name: name.to_owned(),
            base: if quote.is_empty() {
                String::new()
            } else {
                whole[..whole.len() - quote.len()].to_owned()
            },
            quote: quote.to_owned(),
        }
    }

    /// What is most likely meant, before the exchange is asked for its names.
    pub fn guess(symbol: &Symbol) -> Self {
        let plain = symbol.0.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // Too short for a pair with `PERP` behind it, as nearly every symbol that comes.
        let one = if plain && symbol.0.len() < 8 {
            symbol.0.to_ascii_uppercase()
        } else {
            let written = Written::of(&symbol.0);
            if written.parts.len() > 1 || written.date.is_some() {
                return Self::of(&written.joined());
            }
            written.joined()
        };
        let quoted = one.contains('_')
            || (!COINS.contains(&one.as_str())
                && QUOTES
                    .iter()
                    .any(|quote| one.len() > quote.len() && one.ends_with(quote)));
        if quoted {
            Self::of(&one)
        } else {
            Self::of(&(one + USUAL))
        }
    }
}

/// A name, taken apart.
struct Written {
    /// Another exchange that it names.
    elsewhere: Option<String>,
    /// What stands between separators.
    parts: Vec<String>,
    /// The day of delivery: 261225.
    date: Option<String>,
}

impl Written {
    /// Reads `BTC/USDT:USDT-261225` (ccxt), `BINANCE:BTCUSDT.P` (TradingView), `BTC-USDT-SWAP` (OKX), `BTC_USDT`.
    fn of(text: &str) -> Self {
        let text = text.trim().trim_start_matches(['$', '#']).to_uppercase();
        let (elsewhere, text) = match text.split_once(':') {
            Some((venue, rest)) if !venue.contains(['/', '-', '_']) && !rest.is_empty() => (
                (!venue.starts_with("BINANCE")).then(|| venue.to_owned()),
                rest.to_owned(),
            ),
            _ => (None, text),
        };
        // What a contract is settled in is what it is paid in, and may have its day behind it.
        let (pair, settled) = text.split_once(':').unwrap_or((&text, ""));
        let mut date = settled.split_once('-').map(|(_, date)| date.to_owned());
        let parts = pair
            .split(['/', '-', '_', '.', ' '])
            .filter(|part| !part.is_empty());
        let mut parts: Vec<String> = parts.map(str::to_owned).collect();
        if parts.len() > 1 {
            let last = parts[parts.len() - 1].as_str();
            if ["P", "PERP", "SWAP", "SPOT", "PERPETUAL"].contains(&last) {
                parts.pop();
            } else if last.len() == 6 && last.bytes().all(|byte| byte.is_ascii_digit()) {
                date = parts.pop();
            }
        } else if let [one] = &mut parts[..]
            && let Some(pair) = one
                .strip_suffix("PERP")
                .filter(|pair| !Pair::of(pair).quote.is_empty())
        {
            *one = pair.to_owned();
        }
        Self {
            elsewhere,
            parts,
            date,
        }
    }

    fn joined(&self) -> String {
        let pair = self.parts.concat();
        match &self.date {
            Some(date) => format!("{pair}_{date}"),
            None => pair,
        }
    }
}

/// The part of a pair's name that a text looks for: separators and another tool's decorations are no part of it.
pub fn sought(text: &str) -> String {
    let joined = Written::of(text).joined();
    if joined.is_empty() {
        text.to_uppercase()
    } else {
        joined
    }
}

/// Every name that a text may have, the exchange's own first.
fn readings(symbol: &Symbol) -> Vec<String> {
    let written = Written::of(&symbol.0);
    let joined = written.joined();
    let mut names = vec![symbol.0.to_uppercase(), joined.clone()];
    if written.parts.len() == 1 {
        names.push(joined.clone() + USUAL);
    }
    // Bitcoin's code by ISO 4217.
    if let Some(rest) = joined.strip_prefix("XBT") {
        names.push(format!("BTC{rest}"));
        if rest.is_empty() {
            names.push(format!("BTC{USUAL}"));
        }
    }
    names
}

/// The names that an exchange has.
#[derive(Debug)]
pub struct Names(HashMap<String, Pair>);

impl Names {
    /// The pair that a symbol means, or names that may be meant.
    fn find(&self, symbol: &Symbol) -> Result<Pair, Vec<String>> {
        let readings = readings(symbol);
        let elsewhere = Written::of(&symbol.0).elsewhere.is_some();
        match readings.iter().find_map(|name| self.0.get(name)) {
            // Another exchange's price is another price.
            Some(pair) if elsewhere => Err(vec![pair.name.clone()]),
            Some(pair) => Ok(pair.clone()),
            None => Err(self.near(symbol)),
        }
    }

    /// Names that begin with the text, contain it or are like it.
    fn near(&self, symbol: &Symbol) -> Vec<String> {
        let (wanted, guess) = (sought(&symbol.0), Pair::guess(symbol).name);
        let long_enough = wanted.chars().count() > 1;
        let rank = |name: &String| {
            let likeness = strsim::jaro_winkler(&guess, name);
            let contains = long_enough && name.contains(&wanted);
            let usual = if name.ends_with(USUAL) { 0.01 } else { 0.0 };
            let worth = usual + likeness + if contains { 1.0 } else { 0.0 };
            (worth > 0.87).then(|| (worth, name.clone()))
        };
        let mut ranked: Vec<(f64, String)> = self.0.keys().filter_map(rank).collect();
        ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then_with(|| first.cmp(second)));
        ranked.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
    }
}

/// What an exchange says of itself.
#[derive(Debug, Deserialize)]
struct Exchange {
    symbols: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    symbol: String,
    base_asset: String,
    quote_asset: String,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let exchange = Exchange::deserialize(source)?;
        let pairs = exchange.symbols.into_iter().map(|listed| {
            let pair = Pair {
                name: listed.symbol.clone(),
                base: listed.base_asset,
                quote: listed.quote_asset,
            };
            (listed.symbol, pair)
        });
        Ok(Self(pairs.collect()))
    }
}

/// An exchange's names: of what it says of itself, or of its prices.
async fn names(ask: &Ask<'_>, source: Source) -> Result<Arc<Names>, Failure> {
    let (about, prices) = match source {
        Source::Futures => (
            Call::new(source, "/fapi/v1/exchangeInfo"),
            Call::new(source, "/fapi/v1/ticker/price").weighs(2),
        ),
        _ => (
            Call::new(source, "/api/v3/exchangeInfo")
                .with("showPermissionSets", "false")
                .weighs(20),
            Call::new(source, "/api/v3/ticker/price").weighs(4),
        ),
    };
    let names = ask.aside::<Names>(&about.ages(Kind::Reference)).await;
    if names.is_ok() {
        return names;
    }
    let prices = ask.aside::<Vec<Price>>(&prices.ages(Kind::List)).await?;
    let pairs = prices
        .iter()
        .map(|price| (price.symbol.clone(), Pair::of(&price.symbol)));
    Ok(Arc::new(Names(pairs.collect())))
}

/// After a name that was guessed turned out to be unknown: looks the names up in the exchange's own list.
///
/// # Errors
/// The failure, with the names that may be meant, when there is nothing else to ask.
pub async fn reconsider(ask: &Ask<'_>, failure: Failure) -> Result<(), Failure> {
    let mut better = false;
    for (source, symbol, guess) in ask.guesses() {
        let Ok(names) = names(ask, source).await else {
            continue;
        };
        match names.find(&symbol) {
            Ok(pair) => {
                better |= pair.name != guess.name;
                ask.settle(source, symbol, pair);
            }
            Err(near) => {
                return Err(match failure {
                    Failure::Unknown { what, .. } => Failure::Unknown {
                        what,
                        name: guess.name,
                        near,
                    },
                    other => other,
                });
            }
        }
    }
    if better { Ok(()) } else { Err(failure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Names {
        let names = [
            "BTCUSDT",
            "BTCUSDC",
            "ETHBTC",
            "BTCJPY",
            "WBTCUSDT",
            "1000PEPEUSDT",
            "BTCUSDT_261225",
            "BTCUSDE",
            "币安人生USDT",
            "USDTTRY",
            "STETHUSDT",
        ];
        Names(
            names
                .into_iter()
                .map(|name| (name.to_owned(), Pair::of(name)))
                .collect(),
        )
    }

    #[test]
    fn a_name_is_guessed_as_it_is_usually_meant() {
        let guess = |text: &str| Pair::guess(&Symbol(text.into())).name;
        for (text, name) in [
            ("btc", "BTCUSDT"),
            ("BTCJPY", "BTCJPY"),
            ("ETHBTC", "ETHBTC"),
            ("wbtc", "WBTCUSDT"),
            ("btc-usdt", "BTCUSDT"),
            ("BTC_USDT", "BTCUSDT"),
            ("BTC/USDT", "BTCUSDT"),
            ("BTC USDT", "BTCUSDT"),
            ("BTC/USDT:USDT", "BTCUSDT"),
            ("BTC/USDT:USDT-261225", "BTCUSDT_261225"),
            ("BTCUSDT_261225", "BTCUSDT_261225"),
            ("BINANCE:BTCUSDT", "BTCUSDT"),
            ("BINANCE:BTCUSDT.P", "BTCUSDT"),
            ("BTC-USDT-SWAP", "BTCUSDT"),
            ("BTCUSDT_PERP", "BTCUSDT"),
            ("BTCUSDTPERP", "BTCUSDT"),
            ("$btc", "BTCUSDT"),
            ("币安人生", "币安人生USDT"),
        ] {
            assert_eq!(guess(text), name, "{text}");
        }
        let parts = |name: &str| {
            let pair = Pair::of(name);
            format!("{} in {}", pair.base, pair.quote)
        };
        assert_eq!(parts("BTCUSDT_261225"), "BTC in USDT");
        assert_eq!(
            (parts("ETHBTC"), parts("USDT")),
            ("ETH in BTC".into(), " in ".into())
        );
    }

    #[test]
    fn the_exchanges_own_names_come_first_and_what_is_ambiguous_is_no_guess() {
        let known = known();
        let find = |text: &str| known.find(&Symbol(text.into())).map(|pair| pair.name);
        for (text, name) in [
            ("BTCUSDE", "BTCUSDE"),
            ("steth", "STETHUSDT"),
            ("XBT", "BTCUSDT"),
            ("XBTUSDT", "BTCUSDT"),
            ("BINANCE:BTCJPY", "BTCJPY"),
            ("BTCUSDT_261225", "BTCUSDT_261225"),
        ] {
            assert_eq!(find(text), Ok(name.into()), "{text}");
        }
        let near = |text: &str| find(text).expect_err(text);
        assert_eq!(near("BTC-USD")[..2], ["BTCUSDT", "BTCUSDC"]);
        assert_eq!(near("PEPE")[..1], ["1000PEPEUSDT"]);
        assert_eq!(near("BTTC")[..1], ["BTCUSDT"]);
        assert_eq!(near("KRAKEN:BTCUSDT"), ["BTCUSDT"]);
        assert!(near("!!!").is_empty() && near("zzzzzz").is_empty());
    }
}
