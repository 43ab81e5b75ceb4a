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

    /// The number that a calculation gave; none when it is not finite.
    pub fn from_float(value: f64, decimals: u32) -> Option<Self> {
        Some(Self(
            Decimal::from_f64_retain(value)?.round_dp(decimals).normalize(),
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
            Written::Float(number) => Decimal::from_f64_retain(number)
                .map(|number| number.round_dp(18).normalize())
                .ok_or_else(|| serde::de::Error::custom("a number is out of range"))?,
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

/// A price for people, as the document writes it: `$92,731.5200`.
pub fn dollars(price: Num) -> String {
    let rounded = price
        .0
        .round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven);
    let units = rounded.mantissa().unsigned_abs() * 10_u128.pow(4 - rounded.scale());
    let mut digits = units.to_string();
    if digits.len() < 5 {
        digits = format!("{units:05}");
    }
    let (whole, fraction) = digits.split_at(digits.len() - 4);
    let mut text = String::with_capacity(digits.len() * 2);
    text.push_str(if rounded.is_sign_negative() { "-$" } else { "$" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push('.');
    text.push_str(fraction);
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
    fn a_price_is_written_as_the_document_writes_it() {
        assert_eq!(dollars(num(r#""92731.52000000""#)), "$92,731.5200");
        assert_eq!(dollars(num(r#""1234567.5""#)), "$1,234,567.5000");
        assert_eq!(dollars(num(r#""999""#)), "$999.0000");
        assert_eq!(dollars(num(r#""0.00001234""#)), "$0.0000");
        assert_eq!(dollars(num(r#""-5.5""#)), "-$5.5000");
        assert_eq!(dollars(num(r#""0""#)), "$0.0000");
        let most = format!("\"{}\"", Decimal::MAX);
        assert_eq!(
            dollars(num(&most)),
            "$79,228,162,514,264,337,593,543,950,335.0000"
        );
    }
}
