//! What several tools answer alike.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::input::{Interval, Period};
use crate::number::{Num, money};
use crate::pair::{Pair, quote};
use crate::time::iso;
use crate::wire::Candle;
use crate::wire::coingecko::Listed;
use crate::wire::futures::{FundingInfo, LongShort, Premium, interval_hours};
use crate::wire::spot::Day;

/// The markets, as the document names them.
pub const SPOT: &str = "现货";
/// Futures.
pub const FUTURES: &str = "合约";

/// A price.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Price {
    /// The pair: BTCUSDT.
    symbol: String,
    /// The last price.
    price: Num,
    /// The price for people.
    price_formatted: String,
    /// 现货 (spot) or 合约 (futures).
    market: &'static str,
}

impl Price {
    pub(super) fn new(symbol: &str, price: Num, market: &'static str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            price,
            price_formatted: money(price, quote(symbol)),
            market,
        }
    }
}

/// A pair's last 24 hours.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ticker {
    /// The pair.
    symbol: String,
    /// The last price.
    price: Num,
    /// The price for people.
    price_formatted: String,
    /// The price's change in 24 hours.
    price_change: Num,
    /// The same in percent.
    price_change_percent: Num,
    /// The price 24 hours ago.
    open: Num,
    /// The highest price.
    high: Num,
    /// The lowest price.
    low: Num,
    /// The average of all trades.
    average: Num,
    /// Traded, in the base currency.
    volume: Num,
    /// Traded, in the quote currency.
    quote_volume: Num,
    /// How many trades.
    trades: u64,
    /// When this was true, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
    /// 现货 (spot) or 合约 (futures).
    market: &'static str,
}

impl Ticker {
    pub(super) fn new(day: &Day, market: &'static str) -> Self {
        Self {
            symbol: day.symbol.clone(),
            price: day.last_price,
            price_formatted: money(day.last_price, quote(&day.symbol)),
            price_change: day.price_change,
            price_change_percent: day.price_change_percent,
            open: day.open_price,
            high: day.high_price,
            low: day.low_price,
            average: day.weighted_avg_price,
            volume: day.volume,
            quote_volume: day.quote_volume,
            trades: day.count,
            time: day.close_time,
            time_iso: iso(day.close_time),
            market,
        }
    }

    pub(super) fn price(&self) -> Num {
        self.price
    }
}

/// Candles, as rows: names once, numbers after.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Candles {
    /// The pair.
    symbol: String,
    /// How long each candle is.
    interval: Interval,
    /// 现货 (spot) or 合约 (futures).
    market: &'static str,
    /// How many candles follow.
    count: usize,
    /// What the values of a row are: opening times in ISO 8601 and in milliseconds since 1970, prices, volume in the base
    /// and in the quote currency, number of trades.
    columns: [&'static str; 9],
    /// Oldest first.
    rows: Vec<Row>,
}

/// Volumes come with up to sixteen digits, which only take room.
const VOLUME_DIGITS: u32 = 8;

const COLUMNS: [&str; 9] = [
    "time",
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trades",
];

/// One candle.
#[derive(Debug, Serialize)]
struct Row(String, i64, Num, Num, Num, Num, Num, Num, u64);

impl JsonSchema for Row {
    fn schema_name() -> Cow<'static, str> {
        "Row".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": COLUMNS.len(), "maxItems": COLUMNS.len() })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl Candles {
    pub(super) fn new(pair: Pair, interval: Interval, market: &'static str, candles: &[Candle]) -> Self {
        let row = |candle: &Candle| {
            Row(
                iso(candle.open_time),
                candle.open_time,
                candle.open,
                candle.high,
                candle.low,
                candle.close,
                candle.volume.rounded(VOLUME_DIGITS),
                candle.quote_volume.rounded(VOLUME_DIGITS),
                candle.trades,
            )
        };
        Self {
            symbol: pair.name,
            interval,
            market,
            count: candles.len(),
            columns: COLUMNS,
            rows: candles.iter().map(row).collect(),
        }
    }
}

/// The funding rate that stands for a contract.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FundingNow {
    /// The contract.
    symbol: String,
    /// What longs pay to shorts at the next funding, of the position's value.
    funding_rate: Num,
    /// The same in percent.
    funding_rate_percent: Option<Num>,
    /// Hours between fundings.
    interval_hours: u32,
    /// What the rate comes to in a year.
    annualized_percent: Option<Num>,
    /// When the next funding is, in milliseconds since 1970.
    next_funding_time: i64,
    /// The same in ISO 8601.
    next_funding_time_iso: String,
    /// What positions are valued at.
    mark_price: Option<Num>,
}

impl FundingNow {
    /// None for a contract without funding.
    pub(super) fn new(premium: &Premium, infos: &[FundingInfo]) -> Option<Self> {
        let rate = premium
            .last_funding_rate
            .filter(|_| premium.next_funding_time > 0)?;
        let hours = interval_hours(infos, &premium.symbol);
        Some(Self {
            symbol: premium.symbol.clone(),
            funding_rate: rate,
            funding_rate_percent: percent(rate.float()),
            interval_hours: hours,
            annualized_percent: annualized(rate.float(), hours),
            next_funding_time: premium.next_funding_time,
            next_funding_time_iso: iso(premium.next_funding_time),
            mark_price: premium.mark_price,
        })
    }

    pub(super) fn yearly(&self) -> f64 {
        self.annualized_percent.unwrap_or_default().float()
    }
}

/// A share as percent.
pub fn percent(share: f64) -> Option<Num> {
    Num::significant(share * 100.0, 8)
}

/// What a rate that is paid each `hours` comes to in a year of 365 days, in percent.
pub fn annualized(rate: f64, hours: u32) -> Option<Num> {
    Num::significant(rate * 100.0 * 24.0 * 365.0 / f64::from(hours.max(1)), 6)
}

/// Longs against shorts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LongShorts {
    /// The contract.
    symbol: String,
    /// How long each period is.
    period: Period,
    /// Newest first.
    history: Vec<LongShortRow>,
}

/// One period.
#[derive(Debug, Serialize, JsonSchema)]
struct LongShortRow {
    /// When, in milliseconds since 1970.
    time: i64,
    /// The same in ISO 8601.
    time_iso: String,
    /// Longs for each short.
    long_short_ratio: Num,
    /// The share of longs, in percent.
    long_percent: Option<Num>,
    /// The share of shorts, in percent.
    short_percent: Option<Num>,
}

impl LongShorts {
    pub(super) fn new(pair: Pair, period: Period, rows: &[LongShort]) -> Self {
        let history = rows.iter().rev().map(|row| LongShortRow {
            time: row.timestamp,
            time_iso: iso(row.timestamp),
            long_short_ratio: row.long_short_ratio,
            long_percent: percent(row.long_account.float()),
            short_percent: percent(row.short_account.float()),
        });
        Self {
            symbol: pair.name,
            period,
            history: history.collect(),
        }
    }
}

/// A coin in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Coin {
    /// The identifier that other tools take.
    id: String,
    /// Its short name.
    symbol: String,
    /// Its name.
    name: String,
    /// By market value.
    market_cap_rank: Option<u32>,
    /// In dollars, where the list has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_usd: Option<Num>,
    /// Where the list has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_24h_percent: Option<Num>,
}

impl Coin {
    pub(super) fn new(listed: &Listed) -> Self {
        let data = listed.data.as_ref();
        let change = data.and_then(|data| data.price_change_percentage_24h.get("usd").copied().flatten());
        Self {
            id: listed.id.clone(),
            symbol: listed.symbol.to_uppercase(),
            name: listed.name.clone(),
            market_cap_rank: listed.market_cap_rank,
            price_usd: data.and_then(|data| data.price),
            change_24h_percent: change,
        }
    }
}

/// Says that a list was cut; none when it was not.
pub fn cut(shown: usize, total: usize) -> Option<String> {
    (shown < total).then(|| format!("{shown} of {total} are shown; narrow the query or raise the limit"))
}
