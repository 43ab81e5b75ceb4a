//! An exchange's own names of its pairs: they come first, and tell what else may be meant.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::spot::Price;
use crate::input::Symbol;
use crate::pair::{Pair, USUAL, is_elsewheres, readings, sought};
use crate::upstream::{Ask, Call, Failure, Kind, Source};

/// So many names are suggested.
const SUGGESTED: usize = 4;

/// The names that an exchange has.
#[derive(Debug)]
pub struct Names(HashMap<String, Pair>);

impl Names {
    /// The pair that a symbol means, or names that may be meant.
    fn find(&self, symbol: &Symbol) -> Result<Pair, Vec<String>> {
        let readings = readings(symbol);
        match readings.iter().find_map(|name| self.0.get(name)) {
            Some(pair) if is_elsewheres(symbol) => Err(vec![pair.name.clone()]),
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
