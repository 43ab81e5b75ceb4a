//! Bundled answers in the exchanges' shapes, for where the exchanges cannot be reached.

use serde_json::{Value, json};

use super::{Failure, Source};

/// When the answers were recorded: 2026-10-07, 15:00 UTC.
pub const AT: i64 = 1_791_385_200_000;

/// How a question picks from a recorded answer.
#[derive(Clone, Copy)]
enum Pick {
    /// All of it.
    Whole,
    /// The row of `symbol`, the rows of `symbols`, or all rows.
    Symbol,
    /// The last `limit` rows, when they are of `symbol`.
    History,
    /// The members that `ids` names.
    Ids,
    /// The coins whose name contains `query`.
    Matching,
    /// What is said of `symbol`, or of all.
    About,
    /// The member of `symbol`: at most `limit` rows of it, the last or, of a book's sides, the first.
    Of,
    /// The page of `per_page` rows.
    Page,
    /// A coin's last `days`.
    Days,
}

macro_rules! recorded {
    ($file:literal) => {
        include_str!(concat!("../../recorded/", $file))
    };
}

const ANSWERS: [(Source, &str, Pick, &str); 27] = {
    use Pick::{About, Days, History, Ids, Matching, Of, Page, Symbol, Whole};
    use Source::{CoinGecko, Futures, Spot};
    [
        (
            Spot,
            "/api/v3/ticker/price",
            Symbol,
            recorded!("spot/ticker_price.json"),
        ),
        (
            Spot,
            "/api/v3/ticker/24hr",
            Symbol,
            recorded!("spot/ticker_24hr.json"),
        ),
        (
            Spot,
            "/api/v3/exchangeInfo",
            About,
            recorded!("spot/exchange_info.json"),
        ),
        (Spot, "/api/v3/depth", Of, recorded!("spot/depth.json")),
        (Spot, "/api/v3/trades", Of, recorded!("spot/trades.json")),
        (
            Futures,
            "/fapi/v1/ticker/price",
            Symbol,
            recorded!("futures/ticker_price.json"),
        ),
        (
            Futures,
            "/fapi/v1/ticker/24hr",
            Symbol,
            recorded!("futures/ticker_24hr.json"),
        ),
        (
            Futures,
            "/fapi/v1/exchangeInfo",
            About,
            recorded!("futures/exchange_info.json"),
        ),
        (Futures, "/fapi/v1/depth", Of, recorded!("futures/depth.json")),
        (Futures, "/fapi/v1/trades", Of, recorded!("futures/trades.json")),
        (
            Futures,
            "/fapi/v1/premiumIndex",
            Symbol,
            recorded!("futures/premium_index.json"),
        ),
        (
            Futures,
            "/fapi/v1/fundingInfo",
            Whole,
            recorded!("futures/funding_info.json"),
        ),
        (
            Futures,
            "/fapi/v1/fundingRate",
            History,
            recorded!("futures/funding_rate.json"),
        ),
        (
            Futures,
            "/fapi/v1/openInterest",
            History,
            recorded!("futures/open_interest.json"),
        ),
        (
            Futures,
            "/futures/data/openInterestHist",
            History,
            recorded!("futures/open_interest_hist.json"),
        ),
        (
            Futures,
            "/futures/data/topLongShortAccountRatio",
            History,
            recorded!("futures/top_accounts.json"),
        ),
        (
            Futures,
            "/futures/data/topLongShortPositionRatio",
            History,
            recorded!("futures/top_positions.json"),
        ),
        (
            Futures,
            "/futures/data/globalLongShortAccountRatio",
            History,
            recorded!("futures/global_accounts.json"),
        ),
        (
            Futures,
            "/futures/data/takerlongshortRatio",
            History,
            recorded!("futures/taker.json"),
        ),
        (CoinGecko, "/simple/price", Ids, recorded!("coingecko/price.json")),
        (CoinGecko, "/coins/", Ids, recorded!("coingecko/coins.json")),
        (CoinGecko, "/search", Matching, recorded!("coingecko/search.json")),
        (
            CoinGecko,
            "/search/trending",
            Whole,
            recorded!("coingecko/trending.json"),
        ),
        (
            CoinGecko,
            "/coins/markets",
            Page,
            recorded!("coingecko/markets.json"),
        ),
        (
            CoinGecko,
            "/coins/categories",
            Whole,
            recorded!("coingecko/categories.json"),
        ),
        (CoinGecko, "/global", Whole, recorded!("coingecko/global.json")),
        (
            CoinGecko,
            "/market_chart",
            Days,
            recorded!("coingecko/market_chart.json"),
        ),
    ]
};

const CANDLES: [(Source, &str, &str); 9] = [
    (Source::Spot, "BTCUSDT", recorded!("spot/klines-BTCUSDT.json")),
    (Source::Spot, "ETHUSDT", recorded!("spot/klines-ETHUSDT.json")),
    (Source::Spot, "SOLUSDT", recorded!("spot/klines-SOLUSDT.json")),
    (Source::Spot, "DOGEUSDT", recorded!("spot/klines-DOGEUSDT.json")),
    (Source::Spot, "ETHBTC", recorded!("spot/klines-ETHBTC.json")),
    (Source::Spot, "BTCJPY", recorded!("spot/klines-BTCJPY.json")),
    (Source::Spot, "SHIBUSDT", recorded!("spot/klines-SHIBUSDT.json")),
    (Source::Spot, "PEPEUSDT", recorded!("spot/klines-PEPEUSDT.json")),
    (
        Source::Futures,
        "BTCUSDT",
        recorded!("futures/klines-BTCUSDT.json"),
    ),
];

/// The recorded answer to a question, as the source would write it.
///
/// # Errors
/// When nothing is recorded for the question; a name is then unknown, as it would be to the source.
pub fn answer(source: Source, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
    let of = |name: &str| {
        query
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    };
    if path.ends_with("/klines") {
        let symbol = of("symbol").unwrap_or_default();
        let found = CANDLES
            .iter()
            .find(|(owner, name, _)| *owner == source && *name == symbol);
        let (_, _, text) = found.ok_or_else(|| unknown(source, symbol))?;
        let rows = respaced(parsed(source, text)?, of("interval").unwrap_or("1h"));
        return Ok(last_rows(within(rows, &of), of("limit")).to_string());
    }
    let is_known = ANSWERS.iter().any(|(_, known, ..)| *known == path);
    let coin = path.strip_prefix("/coins/").filter(|_| !is_known);
    let known = match coin {
        Some(coin) if coin.ends_with("/market_chart") => "/market_chart",
        Some(_) => "/coins/",
        None => path,
    };
    let coin = coin.map(|coin| coin.trim_end_matches("/market_chart"));
    let found = ANSWERS
        .iter()
        .find(|(owner, name, ..)| *owner == source && *name == known);
    let (_, _, pick, text) = found.ok_or_else(|| unknown(source, path))?;
    let body = parsed(source, text)?;
    let picked = match pick {
        Pick::Whole => body,
        Pick::Symbol => match (of("symbol"), of("symbols")) {
            (Some(symbol), _) => row(&body, symbol).ok_or_else(|| unknown(source, symbol))?,
            (None, Some(symbols)) => {
                let names: Vec<String> = serde_json::from_str(symbols).unwrap_or_default();
                let rows: Option<Vec<Value>> = names.iter().map(|name| row(&body, name)).collect();
                json!(rows.ok_or_else(|| unknown(source, symbols))?)
            }
            (None, None) => body,
        },
        Pick::History => {
            let symbol = of("symbol").unwrap_or_default();
            if symbol != "BTCUSDT" {
                return Err(unknown(source, symbol));
            }
            last_rows(within(body, &of), of("limit"))
        }
        Pick::About => match of("symbol") {
            Some(symbol) => {
                let row = row(&body["symbols"], symbol).ok_or_else(|| unknown(source, symbol))?;
                json!({ "symbols": [row] })
            }
            None => body,
        },
        Pick::Of => {
            let symbol = of("symbol").unwrap_or_default();
            let limit = of("limit");
            match body.get(symbol).cloned().ok_or_else(|| unknown(source, symbol))? {
                Value::Object(sides) => {
                    let first = |rows: Value| first_rows(rows, limit, 0);
                    sides
                        .into_iter()
                        .map(|(side, rows)| (side, first(rows)))
                        .collect()
                }
                rows => last_rows(rows, limit),
            }
        }
        Pick::Page => {
            let page: usize = of("page").and_then(|page| page.parse().ok()).unwrap_or(1);
            let size: usize = of("per_page").and_then(|size| size.parse().ok()).unwrap_or(100);
            first_rows(body, of("per_page"), page.saturating_sub(1) * size)
        }
        Pick::Days => {
            let coin = coin.unwrap_or_default();
            let past = body.get(coin).cloned().ok_or_else(|| unknown(source, coin))?;
            let lines = past.as_object().into_iter().flatten();
            let last = |rows: &Value| last_rows(rows.clone(), of("days"));
            lines.map(|(name, rows)| (name.clone(), last(rows))).collect()
        }
        Pick::Ids => match coin {
            Some(id) => body.get(id).cloned().ok_or_else(|| unknown(source, id))?,
            None => {
                let ids = of("ids").unwrap_or_default().split(',');
                ids.filter_map(|id| Some((id.to_owned(), body.get(id)?.clone())))
                    .collect()
            }
        },
        Pick::Matching => {
            let wanted = of("query").unwrap_or_default().to_lowercase();
            let coins = body["coins"].as_array().into_iter().flatten();
            let matches = |coin: &&Value| {
                ["name", "symbol", "id"].into_iter().any(|field| {
                    coin[field]
                        .as_str()
                        .is_some_and(|text| text.to_lowercase().contains(&wanted))
                })
            };
            json!({ "coins": coins.filter(matches).collect::<Vec<_>>() })
        }
    };
    Ok(picked.to_string())
}

fn parsed(source: Source, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Nonsense {
        source_name: source.title(),
        cause: error.to_string(),
    })
}

fn unknown(source: Source, name: &str) -> Failure {
    Failure::Unknown {
        what: match source {
            Source::Spot => "the recorded spot pair",
            Source::Futures => "the recorded futures contract",
            Source::CoinGecko => "the recorded coin",
        },
        name: name.to_owned(),
        near: Vec::new(),
    }
}

fn row(rows: &Value, symbol: &str) -> Option<Value> {
    rows.as_array()?
        .iter()
        .find(|row| row["symbol"] == symbol)
        .cloned()
}

fn last_rows(body: Value, limit: Option<&str>) -> Value {
    let Value::Array(rows) = body else { return body };
    let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(rows.len());
    let skip = rows.len().saturating_sub(limit);
    rows.into_iter().skip(skip).collect()
}

fn first_rows(body: Value, limit: Option<&str>, skip: usize) -> Value {
    let Value::Array(rows) = body else { return body };
    let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(rows.len());
    rows.into_iter().skip(skip).take(limit).collect()
}

/// The rows between `startTime` and `endTime`.
fn within<'a>(body: Value, of: &impl Fn(&str) -> Option<&'a str>) -> Value {
    let Value::Array(rows) = body else { return body };
    let moment = |name: &str| of(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (moment("startTime"), moment("endTime"));
    let time = |row: &Value| {
        [&row[0], &row["fundingTime"], &row["timestamp"]]
            .into_iter()
            .find_map(Value::as_i64)
    };
    let is_within = |row: &Value| {
        let time = time(row).unwrap_or_default();
        start.is_none_or(|start| time >= start) && end.is_none_or(|end| time <= end)
    };
    rows.into_iter().filter(is_within).collect()
}

/// Hourly candles with the times of another interval, ending when they ended.
fn respaced(mut rows: Value, interval: &str) -> Value {
    const MINUTE: i64 = 60_000;
    let (number, unit) = interval.split_at(interval.len() - 1);
    let step = number.parse().unwrap_or(1)
        * match unit {
            "m" => MINUTE,
            "d" => 1440 * MINUTE,
            "w" => 7 * 1440 * MINUTE,
            "M" => 30 * 1440 * MINUTE,
            _ => 60 * MINUTE,
        };
    let count = rows.as_array().map_or(0, Vec::len);
    let last = rows[count.saturating_sub(1)][0].as_i64().unwrap_or_default();
    for (index, row) in rows.as_array_mut().into_iter().flatten().enumerate() {
        let back = i64::try_from(count - 1 - index).unwrap_or_default();
        let start = last - back * step;
        row[0] = start.into();
        row[6] = (start + step - 1).into();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_bundled_can_be_read() {
        for (source, path, _, text) in ANSWERS {
            assert!(parsed(source, text).is_ok(), "{path}");
        }
        for (source, symbol, text) in CANDLES {
            let rows = parsed(source, text).expect(symbol);
            assert_eq!(rows.as_array().map(Vec::len), Some(300), "{symbol}");
        }
    }

    #[test]
    fn a_question_picks_its_rows() {
        let ask = |path: &str, name: &'static str, value: &str| {
            answer(Source::Spot, path, &[(name, value.to_owned())])
        };
        let price = ask("/api/v3/ticker/price", "symbol", "BTCUSDT").expect("known");
        assert_eq!(price, r#"{"symbol":"BTCUSDT","price":"92731.52000000"}"#);
        assert!(ask("/api/v3/ticker/price", "symbol", "NONEUSDT").is_err());
        assert!(ask("/api/v3/nothing", "symbol", "BTCUSDT").is_err());
    }
}
