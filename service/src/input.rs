//! What tools take: types that carry their own limits, so that a schema and its check are one thing.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Currencies that pairs are quoted in.
const QUOTES: [&str; 10] = [
    "USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL",
];
/// Coins whose names end like a pair's.
const COINS: [&str; 6] = ["WBTC", "CBBTC", "STETH", "WBETH", "RETH", "BETH"];
/// The longest symbol that is asked for: `1000000MOGUSDT_261225` has 21 characters.
const LONGEST: usize = 30;

/// A trading pair: upper case, against USDT when it names no other currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair(pub String);

impl Pair {
    /// The pair that `text` means; none when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_uppercase();
        if let Some((base, quote)) = text.split_once(['/', '-']) {
            return Self::checked(format!("{base}{quote}"));
        }
        let quoted = text.contains('_')
            || (!COINS.contains(&text.as_str())
                && QUOTES
                    .iter()
                    .any(|quote| text.len() > quote.len() && text.ends_with(quote)));
        let text = if quoted || text.is_empty() {
            text
        } else {
            text + "USDT"
        };
        Self::checked(text)
    }

    /// What is traded, and what it is paid in; none when the name does not tell.
    pub fn currencies(&self) -> Option<(&str, &str)> {
        let quote = QUOTES.into_iter().find(|quote| self.0.ends_with(quote))?;
        let base = self.0.strip_suffix(quote)?;
        (!base.is_empty()).then_some((base, quote))
    }

    fn checked(text: String) -> Option<Self> {
        let valid = !text.is_empty()
            && text.chars().count() <= LONGEST
            && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        valid.then_some(Self(text))
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(source)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom("a symbol is letters and digits, such as BTC or ETHBTC"))
    }
}

impl JsonSchema for Pair {
    fn schema_name() -> Cow<'static, str> {
        "Pair".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": LONGEST,
            "examples": ["BTC", "ETHUSDT", "ETHBTC"],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A whole number from 1 to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<const USUAL: u32, const MOST: u32>(pub u32);

impl<const USUAL: u32, const MOST: u32> Default for Count<USUAL, MOST> {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl<'de, const USUAL: u32, const MOST: u32> Deserialize<'de> for Count<USUAL, MOST> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(source)?;
        let count = given.as_u64().and_then(|count| u32::try_from(count).ok());
        match count {
            Some(count) if (1..=MOST).contains(&count) => Ok(Self(count)),
            _ => Err(D::Error::custom(format_args!("{given} is not from 1 to {MOST}"))),
        }
    }
}

impl<const USUAL: u32, const MOST: u32> serde::Serialize for Count<USUAL, MOST> {
    fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.serialize_u32(self.0)
    }
}

impl<const USUAL: u32, const MOST: u32> JsonSchema for Count<USUAL, MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("Count{USUAL}of{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A list of 1 to `MOST` values; one string with commas is a list too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Several<T, const MOST: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Several<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let values = Vec::<T>::deserialize(source)?;
        if values.is_empty() || values.len() > MOST {
            let message = format!("{} values are not from 1 to {MOST}", values.len());
            return Err(D::Error::custom(message));
        }
        Ok(Self(values))
    }
}

impl<T: JsonSchema, const MOST: usize> JsonSchema for Several<T, MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}UpTo{MOST}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "minItems": 1, "maxItems": MOST,
            "items": T::json_schema(generator),
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A short text to look for, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(source)?;
        let text = text.trim();
        if text.is_empty() || text.chars().count() > 60 || text.chars().any(char::is_control) {
            return Err(D::Error::custom("a text has from 1 to 60 characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 60 })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A coin's identifier at CoinGecko, or a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub String);

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(source)?.trim().to_lowercase();
        let valid = (1..=60).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !valid {
            return Err(D::Error::custom(
                "an identifier is letters, digits and dashes, such as bitcoin or usd",
            ));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Slug {
    fn schema_name() -> Cow<'static, str> {
        "Slug".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 60 })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Declares an enumeration of the words that an exchange takes.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, usually $usual:ident: $($variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $(#[doc = $text] #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// The word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$usual
            }
        }
    };
}

words! {
    /// A candle's length.
    Interval, usually Hour1:
    Minute1 = "1m", Minute3 = "3m", Minute5 = "5m", Minute15 = "15m", Minute30 = "30m",
    Hour1 = "1h", Hour2 = "2h", Hour4 = "4h", Hour6 = "6h", Hour8 = "8h", Hour12 = "12h",
    Day1 = "1d", Day3 = "3d", Week1 = "1w", Month1 = "1M",
}

words! {
    /// A statistic's period.
    Period, usually Hour1:
    Minute5 = "5m", Minute15 = "15m", Minute30 = "30m",
    Hour1 = "1h", Hour2 = "2h", Hour4 = "4h", Hour6 = "6h", Hour12 = "12h", Day1 = "1d",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_a_pair_against_usdt() {
        let pair = |text: &str| Pair::parse(text).map(|pair| pair.0);
        assert_eq!(pair(" btc "), Some("BTCUSDT".into()));
        assert_eq!(pair("ETHBTC"), Some("ETHBTC".into()));
        assert_eq!(pair("BTCUSDT"), Some("BTCUSDT".into()));
        assert_eq!(pair("btc/usdt"), Some("BTCUSDT".into()));
        assert_eq!(
            pair("wbtc"),
            Some("WBTCUSDT".into()),
            "a coin that ends like a pair"
        );
        assert_eq!(pair("币安人生"), Some("币安人生USDT".into()));
        assert_eq!(pair("BTCUSDT_261225"), Some("BTCUSDT_261225".into()));
        let currencies = |text: &str| {
            let pair = Pair(text.into());
            pair.currencies()
                .map(|(base, quote)| format!("{base} in {quote}"))
        };
        assert_eq!(currencies("BTCUSDT"), Some("BTC in USDT".into()));
        assert_eq!(currencies("ETHBTC"), Some("ETH in BTC".into()));
        assert_eq!((currencies("BTCUSDT_261225"), currencies("USDT")), (None, None));
        assert_eq!(pair("BTC&X=1"), None);
        assert_eq!(pair(&"A".repeat(40)), None);
        assert_eq!(pair(""), None);
    }

    #[test]
    fn a_count_has_a_limit() {
        let count = |text: &str| serde_json::from_str::<Count<10, 50>>(text);
        assert_eq!(count("50").expect("allowed").0, 50);
        assert_eq!(
            count("51").expect_err("too many").to_string(),
            "51 is not from 1 to 50"
        );
        assert!(count("0").is_err() && count("-1").is_err());
    }
}
