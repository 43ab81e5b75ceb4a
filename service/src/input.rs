//! What tools take: types that carry their own limits, so that a schema and its check are one thing.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::source::Source;
use crate::time;

/// The longest text that names a pair or a coin.
const LONGEST: usize = 60;

/// A trading pair or coin, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol(pub String);

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        short_text(source, "a symbol is a coin or pair, such as BTC or ETHBTC").map(Self)
    }
}

impl JsonSchema for Symbol {
    fn schema_name() -> Cow<'static, str> {
        "Symbol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        short_text_schema()
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A text from 1 to [`LONGEST`] characters that is not blank.
fn short_text<'de, D: Deserializer<'de>>(source: D, wanted: &str) -> Result<String, D::Error> {
    let text = Cow::<str>::deserialize(source)?;
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        let message = format_args!("{wanted}, of 1 to {LONGEST} characters");
        return Err(D::Error::custom(message));
    }
    Ok(text.trim().to_owned())
}

fn short_text_schema() -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "\\S" })
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
        let mut item = T::json_schema(generator);
        if item.get("pattern").is_some() {
            // What parts the values of a list in one text is no part of a value, and one has more than quotes.
            item.insert("pattern".into(), r#"^[^,;|]*[^\s,;|"'\[\]][^,;|]*$"#.into());
        }
        json_schema!({ "type": "array", "minItems": 1, "maxItems": MOST, "items": item })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A short text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        short_text(source, "a text to look for").map(Self)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        short_text_schema()
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A coin's identifier at CoinGecko, or a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub String);

impl Slug {
    /// Whether anything can have this name.
    pub fn is_possible(&self) -> bool {
        self.0.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) && self.0 != "." && self.0 != ".."
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = short_text(source, "an identifier such as bitcoin or usd")?;
        Ok(Self(text.to_lowercase().replace(' ', "-")))
    }
}

impl JsonSchema for Slug {
    fn schema_name() -> Cow<'static, str> {
        "Slug".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        short_text_schema()
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(source)?;
        let wanted = "is no moment such as 2026-10-07, 2026-10-07T14:00:00Z or milliseconds since 1970";
        let moment = time::parse(text.trim());
        moment
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} {wanted}")))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // What matches is a moment: no client is to be refused for what its schema lets through.
        let date = r"(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])";
        let clock = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?";
        let pattern = format!(r"^({date}(T{clock}(Z|\+00:00)?)?|\d{{1,12}})$");
        json_schema!({ "type": "string", "maxLength": 30, "pattern": pattern })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Declares an enumeration of the words that an exchange takes.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, usually $usual:ident: $($variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $text] $variant),+
        }

        impl $name {
            const ALL: &[(&'static str, Self)] = &[$(($text, Self::$variant)),+];

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

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
                target.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(source)?;
                length(&text, Self::ALL).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|(word, _)| *word).collect();
                json_schema!({ "type": "string", "enum": words })
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

/// The length of time that a text means, of those that there are.
fn length<T: Copy>(text: &str, all: &[(&str, T)]) -> Result<T, String> {
    let text = text.trim();
    let of = |word: &str| {
        all.iter()
            .find(|(known, _)| *known == word)
            .map(|(_, length)| *length)
    };
    of(text).or_else(|| of(spelled(text)?)).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is none of {}", words.join(", "))
    })
}

/// The exchange's word for a length of time that is written as other tools write it: `60`, `1H`, `15min`, `1 day`,
/// `daily`.
fn spelled(text: &str) -> Option<&'static str> {
    const WORDS: [(u32, &str); 15] = [
        (1, "1m"),
        (3, "3m"),
        (5, "5m"),
        (15, "15m"),
        (30, "30m"),
        (60, "1h"),
        (120, "2h"),
        (240, "4h"),
        (360, "6h"),
        (480, "8h"),
        (720, "12h"),
        (1440, "1d"),
        (3 * 1440, "3d"),
        (7 * 1440, "1w"),
        (MONTH, "1M"),
    ];
    const MONTH: u32 = 30 * 1440;
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !"_-".contains(*c))
        .collect();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if text.is_empty() {
        return None;
    }
    let number: u32 = if number.is_empty() {
        1
    } else {
        number.parse().ok()?
    };
    let minutes = match unit {
        // As the exchanges and TradingView write it: a small one is a minute.
        "M" => MONTH,
        _ => match unit.to_lowercase().as_str() {
            "" | "m" | "min" | "mins" | "minute" | "minutes" => 1,
            "h" | "hr" | "hrs" | "hour" | "hours" | "hourly" => 60,
            "d" | "day" | "days" | "daily" => 1440,
            "w" | "wk" | "week" | "weeks" | "weekly" => 7 * 1440,
            "mo" | "mon" | "month" | "months" | "monthly" => MONTH,
            _ => return None,
        },
    };
    let minutes = number.checked_mul(minutes)?;
    WORDS
        .into_iter()
        .find(|(known, _)| *known == minutes)
        .map(|(_, word)| word)
}

/// Which market of Binance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Market {
    #[default]
    Spot,
    Futures,
}

impl Market {
    /// Who is asked.
    pub fn source(self) -> Source {
        match self {
            Self::Spot => Source::Spot,
            Self::Futures => Source::Futures,
        }
    }
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
    fn a_length_of_time_is_read_as_other_tools_write_it() {
        let interval = |text: &str| serde_json::from_value::<Interval>(text.into()).map(Interval::word);
        for (text, word) in [
            ("1h", "1h"),
            ("1H", "1h"),
            ("60", "1h"),
            ("60m", "1h"),
            (" 1 hour", "1h"),
            ("15min", "15m"),
            ("D", "1d"),
            ("daily", "1d"),
            ("1day", "1d"),
            ("24h", "1d"),
            ("7d", "1w"),
            ("1W", "1w"),
            ("1m", "1m"),
            ("1M", "1M"),
            ("1mo", "1M"),
        ] {
            assert_eq!(interval(text).ok(), Some(word), "{text}");
        }
        for text in ["2x", "7m", "", "h1h", "99999999999h"] {
            let error = interval(text).expect_err(text).to_string();
            assert!(error.contains("is none of 1m, 3m"), "{error}");
        }
        assert!(serde_json::from_value::<Period>("3d".into()).is_err());
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
