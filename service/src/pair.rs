//! What a pair is called, and how other tools spell it.

use crate::input::Symbol;

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
pub const USUAL: &str = "USDT";
/// Bitcoin's code by ISO 4217.
const ISO_BITCOIN: &str = "XBT";

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

/// The part of a pair's name that a text looks for: separators and another tool's decorations are no part of it, and a
/// coin's other code is the exchange's.
pub fn sought(text: &str) -> String {
    let joined = Written::of(text).joined();
    match joined.strip_prefix(ISO_BITCOIN) {
        _ if joined.is_empty() => text.to_uppercase(),
        Some(rest) => format!("BTC{rest}"),
        None => joined,
    }
}

/// Whether a text names another exchange, whose price is another price.
pub fn is_elsewheres(symbol: &Symbol) -> bool {
    Written::of(&symbol.0).elsewhere.is_some()
}

/// Every name that a text may have, the exchange's own first.
pub fn readings(symbol: &Symbol) -> Vec<String> {
    let written = Written::of(&symbol.0);
    let joined = written.joined();
    let mut names = vec![symbol.0.to_uppercase(), joined.clone()];
    if written.parts.len() == 1 {
        names.push(joined.clone() + USUAL);
    }
    if let Some(rest) = joined.strip_prefix(ISO_BITCOIN) {
        names.push(format!("BTC{rest}"));
        if rest.is_empty() {
            names.push(format!("BTC{USUAL}"));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
