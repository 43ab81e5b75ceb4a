//! Numbers as the exchanges write them (decimal strings) and as our answers do (JSON numbers).

use std::borrow::Cow;

use rust_decimal::{Decimal, RoundingStrategy};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Powers of ten that a binary number holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Whole numbers up to this are held exactly too.
const EXACT: u128 = 1 << f64::MANTISSA_DIGITS;

/// A decimal: read from a string or a number, written as a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Num(pub Decimal);

impl Num {
    /// The nearest binary number, for arithmetic where rounding does not matter.
    pub fn float(self) -> f64 {
        let (digits, scale) = (self.0.mantissa(), self.0.scale() as usize);
        match TENS.get(scale) {
            // Both are exact in binary, so that the one division rounds correctly.
            Some(ten) if digits != 0 && digits.unsigned_abs() <= EXACT => digits as f64 / ten,
            // By way of the text: the conversion of rust_decimal is not correctly rounded.
            _ => self.0.to_string().parse().unwrap_or_default(),
        }
    }

    /// The number to so many significant digits.
    pub fn rounded(self, digits: u32) -> Self {
        Self(self.0.round_sf(digits).unwrap_or(self.0).normalize())
    }

    /// The number that a calculation gave, to so many significant digits; none when it is not finite.
    pub fn significant(value: f64, digits: u32) -> Option<Self> {
        Some(Self(
            Decimal::from_f64_retain(value)?.round_sf(digits)?.normalize(),
        ))
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Text(#[serde(borrow)] Cow<'a, str>),
            Whole(i64),
            Float(f64),
        }
        let parsed = match Written::deserialize(source)? {
            Written::Text(text) => text
                .parse()
                .or_else(|_| Decimal::from_scientific(&text))
                .map_err(|_| serde::de::Error::custom(format_args!("{text:?} is no decimal number")))?,
            Written::Whole(number) => Decimal::from(number),
            // By way of the shortest text that means this number, which keeps its digits at every size.
            Written::Float(number) => Decimal::from_scientific(&format!("{number:e}"))
                .map(|number| number.normalize())
                .map_err(|_| serde::de::Error::custom("a number is out of range"))?,
        };
        Ok(Self(parsed))
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.serialize_f64(self.float())
    }
}

impl JsonSchema for Num {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// An empty string where a number may be missing, as in `markPrice` of the first contracts.
///
/// # Errors
/// When there is something, and it is no number.
pub fn or_empty<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Num>, D::Error> {
    let value = serde_json::Value::deserialize(source)?;
    if value.is_null() || value == "" {
        return Ok(None);
    }
    Num::deserialize(value)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// Currencies that have a sign; what is pegged to the dollar has the dollar's.
const SIGNS: [(&str, &str); 20] = [
    ("USDT", "$"),
    ("USDC", "$"),
    ("FDUSD", "$"),
    ("USD", "$"),
    ("TUSD", "$"),
    ("BUSD", "$"),
    ("USDP", "$"),
    ("USD1", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("TRY", "₺"),
    ("BRL", "R$"),
    ("UAH", "₴"),
    ("NGN", "₦"),
    ("RUB", "₽"),
    ("INR", "₹"),
    ("KRW", "₩"),
    ("VND", "₫"),
    ("PHP", "₱"),
];
/// So many digits of a price mean something.
const DIGITS: i32 = 8;
/// Dollars have at least so many decimals, as the document writes them: `$92,731.5200`.
const DOLLAR_DECIMALS: usize = 4;

/// A price for people: with the sign of its currency, or its code where it has none.
pub fn money(price: Num, currency: &str) -> String {
    let sign = SIGNS
        .iter()
        .find(|(code, _)| *code == currency)
        .map(|(_, sign)| *sign);
    let least = if sign == Some("$") { DOLLAR_DECIMALS } else { 0 };
    let number = grouped(price.0, least);
    let (minus, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number.as_str()),
    };
    match sign {
        Some(sign) => [minus, sign, number].concat(),
        None => [
            minus,
            number,
            if currency.is_empty() { "" } else { " " },
            currency,
        ]
        .concat(),
    }
}

/// A number with commas between thousands, as many decimals as its size wants, and at least so many.
fn grouped(number: Decimal, least: usize) -> String {
    let written = i32::try_from(number.mantissa().unsigned_abs().checked_ilog10().unwrap_or(0)).unwrap_or(0);
    let exponent = written - number.scale() as i32;
    let decimals = (DIGITS - 1 - exponent)
        .clamp(DOLLAR_DECIMALS as i32, 28)
        .unsigned_abs();
    let rounded = number
        .round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven)
        .normalize();
    let written = rounded.to_string();
    let (minus, digits) = match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::with_capacity(written.len() * 2);
    text.push_str(minus);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if least.max(fraction.len()) > 0 {
        text.push('.');
        text.push_str(fraction);
        text.extend(std::iter::repeat_n('0', least.saturating_sub(fraction.len())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(text: &str) -> Num {
        serde_json::from_str(text).expect("a number")
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let written = |text: &str| serde_json::to_string(&num(text)).expect("JSON");
        assert_eq!(written(r#""92731.52000000""#), "92731.52");
        assert_eq!(written(r#""0.00001234""#), "0.00001234");
        assert_eq!(written(r#""1.5e-7""#), "1.5e-7");
        assert_eq!(written("0.1"), "0.1");
        assert!(serde_json::from_str::<Num>(r#""12x""#).is_err());
        assert!(serde_json::from_str::<Num>("1e300").is_err());
    }

    #[test]
    fn a_number_is_the_nearest_binary_one() {
        let mut digits = 1_u64;
        for round in 0..20_000_u32 {
            digits = digits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let text = Decimal::new((digits >> (round % 60)) as i64, round % 29).to_string();
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(
                num(&format!("{text:?}")).float().to_bits(),
                expected.to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_calculated_number_keeps_its_digits_at_every_size() {
        let written = |value: f64| {
            Num::significant(value, 8).map(|number| serde_json::to_string(&number).expect("JSON"))
        };
        assert_eq!(written(1.24e-8), Some("1.24e-8".into()));
        assert_eq!(written(1.234_567_891e-15), Some("1.2345679e-15".into()));
        assert_eq!(written(91_762.231_332_57), Some("91762.231".into()));
        assert_eq!(written(0.1 + 0.2), Some("0.3".into()));
        assert_eq!((written(f64::NAN), written(0.0)), (None, Some("0.0".into())));
        assert_eq!(num("1.5e-20").float(), 1.5e-20);
    }

    #[test]
    fn a_price_is_written_as_the_document_writes_it() {
        let dollars = |text: &str| money(num(text), "USDT");
        assert_eq!(dollars(r#""92731.52000000""#), "$92,731.5200");
        assert_eq!(dollars(r#""1234567.5""#), "$1,234,567.5000");
        assert_eq!(dollars(r#""92731.123456""#), "$92,731.1235");
        assert_eq!(dollars(r#""999""#), "$999.0000");
        assert_eq!(dollars(r#""-5.5""#), "-$5.5000");
        assert_eq!(dollars(r#""0""#), "$0.0000");
        let most = format!("\"{}\"", Decimal::MAX);
        assert_eq!(dollars(&most), "$79,228,162,514,264,337,593,543,950,335.0000");
    }

    #[test]
    fn a_price_has_digits_at_every_size_and_its_own_currency() {
        let price = |text: &str, currency: &str| money(num(&format!("{text:?}")), currency);
        assert_eq!(price("0.00000812", "USDT"), "$0.00000812");
        assert_eq!(price("0.15127000", "USDC"), "$0.15127");
        assert_eq!(price("0.000000000012345", "USDT"), "$0.000000000012345");
        assert_eq!(price("1.15835", "USDT"), "$1.15835");
        assert_eq!(price("14500000.00000000", "JPY"), "¥14,500,000");
        assert_eq!(price("0.03437000", "BTC"), "0.03437 BTC");
        assert_eq!(price("85123.45", "EUR"), "€85,123.45");
        assert_eq!(price("-0.5", "PLN"), "-0.5 PLN");
        assert_eq!(price("3.10000", ""), "3.1");
    }
}
