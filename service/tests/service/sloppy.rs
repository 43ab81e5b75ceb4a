//! What clients really send, and what they must be told: small numbers, own currencies, other tools' spellings.

use serde_json::{Value, json};

use crate::mcp::listed;
use crate::program::Program;
use crate::source::Local;

/// The answer of a tool that must have one.
async fn told(program: &Program, tool: &str, arguments: Value) -> Value {
    let result = program.call(tool, arguments.clone()).await;
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    result["structuredContent"].clone()
}

#[tokio::test]
async fn an_optional_list_is_read_in_every_form() {
    let program = Program::recorded();
    for query in [
        "vs_currencies=usd",
        "vs_currencies=usd,eur",
        "vs_currencies=usd&vs_currencies=eur",
        "vs_currencies[]=usd&vs_currencies[]=eur",
        "vs_currencies=%5B%22usd%22%2C%22eur%22%5D",
        "vs_currencies=",
    ] {
        let (status, body) = program
            .get(&format!("/coingecko/price?coin_ids=bitcoin&{query}"))
            .await;
        assert_eq!(
            (status, &body["prices"][0]["currency"]),
            (200, &json!("usd")),
            "{query}: {body}"
        );
    }
    for currencies in [
        json!("usd,eur"),
        json!(["usd", "eur"]),
        json!("[\"usd\"]"),
        json!(null),
        json!("null"),
    ] {
        let prices = told(
            &program,
            "get_price",
            json!({ "coin_ids": "bitcoin", "vs_currencies": currencies }),
        )
        .await;
        assert_eq!(prices["prices"][0]["coin"], "bitcoin");
    }
}

#[tokio::test]
async fn numbers_and_words_are_read_in_every_form() {
    let program = Program::recorded();
    for (limit, interval) in [
        (json!(5), json!("1h")),
        (json!(5.0), json!("1H")),
        (json!("5"), json!("60m")),
        (json!(" 5.0 "), json!("1 hour")),
        (json!("5"), json!("\"1h\"")),
    ] {
        let arguments = json!({ "symbol": "BTC", "limit": limit, "interval": interval });
        let candles = told(&program, "get_klines", arguments).await;
        assert_eq!(
            (&candles["count"], &candles["interval"]),
            (&json!(5), &json!("1h"))
        );
    }
    let (status, body) = program
        .get("/binance/klines?symbol=BTC&limit=5.0&interval=1H&start_time=")
        .await;
    assert_eq!((status, &body["count"]), (200, &json!(5)), "{body}");
}

#[tokio::test]
async fn small_numbers_keep_their_digits() {
    let program = Program::recorded();
    let price = told(&program, "get_spot_price", json!({ "symbol": "SHIB" })).await;
    assert_eq!(
        (&price["price"], &price["price_formatted"]),
        (&json!(0.00000812), &json!("$0.00000812"))
    );
    let analysis = told(&program, "comprehensive_analysis", json!({ "symbol": "PEPE" })).await;
    for number in [
        &analysis["macd"]["line"],
        &analysis["macd"]["histogram"],
        &analysis["bollinger"]["upper"],
    ] {
        let digits = number.to_string();
        let digits = digits
            .split('e')
            .next()
            .unwrap_or_default()
            .trim_start_matches(['-', '0', '.']);
        assert!(digits.len() >= 6, "{number} has too few digits: {analysis}");
    }
    // No answer of any tool about these has a number that was rounded to nothing.
    assert!(
        analysis["macd"]["histogram"]
            .as_f64()
            .is_some_and(|value| value != 0.0)
    );
}

#[tokio::test]
async fn a_price_has_its_own_currency() {
    let program = Program::recorded();
    for (symbol, formatted) in [
        ("BTCJPY", "¥14,500,000"),
        ("ETHBTC", "0.03437 BTC"),
        ("BTC", "$92,731.5200"),
        ("DOGE", "$0.15127"),
    ] {
        let price = told(&program, "get_spot_price", json!({ "symbol": symbol })).await;
        assert_eq!(price["price_formatted"], formatted, "{symbol}");
        let found = told(&program, "search_symbols", json!({ "query": symbol })).await;
        assert_eq!(found["symbols"][0]["price_formatted"], formatted, "{symbol}");
    }
}

#[tokio::test]
async fn names_are_read_as_other_tools_spell_them() {
    let source = Local::start().await;
    let program = Program::asking(&source, &[]);
    for (written, name) in [
        ("BTCJPY", "BTCJPY"),
        ("BTC_USDT", "BTCUSDT"),
        ("BTC/USDT:USDT", "BTCUSDT"),
        ("BINANCE:BTCUSDT", "BTCUSDT"),
        ("BINANCE:BTCUSDT.P", "BTCUSDT"),
        ("btc-usdt", "BTCUSDT"),
        ("XBT", "BTCUSDT"),
        ("LUNABUSD", "LUNABUSD"),
    ] {
        let rules = told(&program, "get_trading_rules", json!({ "symbol": written })).await;
        assert_eq!(rules["symbol"], name, "{written}");
        if name != "LUNABUSD" {
            let price = told(&program, "get_spot_price", json!({ "symbol": written })).await;
            assert_eq!(price["symbol"], name, "{written}");
            let found = told(&program, "search_symbols", json!({ "query": written })).await;
            assert!(
                found["total"].as_u64().is_some_and(|total| total > 0),
                "{written}: {found}"
            );
        }
    }
    let futures = told(
        &program,
        "get_futures_price",
        json!({ "symbol": "BTC/USDT:USDT" }),
    )
    .await;
    assert_eq!(futures["symbol"], "BTCUSDT");
    for (written, candidate) in [
        ("BTC-USD", "BTCUSDT"),
        ("BTTC", "BTCUSDT"),
        ("KRAKEN:XBTUSDT", "BTCUSDT"),
    ] {
        let refused = program.call("get_spot_price", json!({ "symbol": written })).await;
        let text = refused["content"][0]["text"].as_str().unwrap_or_default();
        assert!(
            refused["isError"] == true && text.contains("did you mean") && text.contains(candidate),
            "{written}: {text}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_guessed_right_costs_one_question() {
    let source = Local::start().await;
    let program = Program::asking(&source, &[]);
    told(&program, "get_spot_price", json!({ "symbol": "BTC" })).await;
    assert_eq!(
        (
            source.hits("/api/v3/ticker/price"),
            source.hits("/api/v3/exchangeInfo")
        ),
        (1, 0)
    );
    for _ in 0..3 {
        assert_eq!(program.get("/binance/spot/price?symbol=NOSUCH").await.0, 404);
    }
    assert_eq!(
        (
            source.hits("/api/v3/ticker/price"),
            source.hits("/api/v3/exchangeInfo")
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn a_delisted_pair_says_so() {
    let program = Program::recorded();
    let rules = told(&program, "get_trading_rules", json!({ "symbol": "LUNA/BUSD" })).await;
    assert_eq!(
        (&rules["trading"], &rules["status"]),
        (&json!(false), &json!("BREAK"))
    );
    assert!(
        rules["status_meaning"]
            .as_str()
            .is_some_and(|meaning| meaning.contains("delisted"))
    );
    let rules = told(
        &program,
        "get_trading_rules",
        json!({ "symbol": "BTC", "market": "FUTURES" }),
    )
    .await;
    assert_eq!(
        (&rules["trading"], &rules["contract_type"]),
        (&json!(true), &json!("PERPETUAL"))
    );
    assert_eq!(rules["value_min"], 5.0);
}

#[tokio::test]
async fn candles_are_rows_between_two_moments_and_short_enough() {
    let program = Program::recorded();
    let between =
        json!({ "symbol": "BTC", "start_time": "2026-10-07T10:00:00Z", "end_time": 1_791_381_600_000_i64 });
    let candles = told(&program, "get_klines", between).await;
    assert_eq!(
        (&candles["columns"][0], &candles["columns"][1]),
        (&json!("time"), &json!("open_time"))
    );
    let rows = candles["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0][0]), (5, &json!("2026-10-07T10:00:00Z")));
    assert_eq!(rows[4][1], 1_791_381_600_000_i64);
    let all = json!({ "symbol": "BTC", "limit": 500 });
    let candles = told(&program, "get_klines", all).await;
    assert!(
        candles.to_string().len() < 25_000,
        "{}",
        candles.to_string().len()
    );
    assert!(
        candles["cut"]
            .as_str()
            .is_some_and(|cut| cut.contains("are shown")),
        "{}",
        candles["cut"]
    );
    let (_, whole) = program.get("/binance/klines?symbol=BTC&limit=500").await;
    assert_eq!(
        (&whole["count"], whole.get("cut")),
        (&json!(300), None),
        "routes are not cut"
    );
    let between =
        |start: &str, end: &str| format!("/binance/klines?symbol=BTC&start_time={start}&end_time={end}");
    let (_, forth) = program.get(&between("2026-10-06", "2026-10-07")).await;
    let (status, back) = program.get(&between("2026-10-07", "2026-10-06")).await;
    assert_eq!((status, &back["count"]), (200, &json!(25)), "{back}");
    assert_eq!(back["rows"], forth["rows"]);
}

#[tokio::test]
async fn a_compact_profile_offers_a_few_tools_and_routes_all_of_them() {
    let program = Program::start(&[("UPSTREAM", "recorded"), ("TOOLSETS", "compact")]);
    let tools = listed(&program).await;
    assert!((4..=8).contains(&tools.len()), "{}", tools.len());
    assert_eq!(program.get("/binance/futures/price?symbol=BTC").await.0, 200);
    let coins = Program::start(&[("UPSTREAM", "recorded"), ("TOOLSETS", "coins")]);
    let names: Vec<String> = listed(&coins)
        .await
        .iter()
        .map(|tool| tool["name"].to_string())
        .collect();
    assert!(names.contains(&"\"get_global_market\"".into()) && !names.contains(&"\"get_klines\"".into()));
}

#[tokio::test]
async fn a_route_says_who_was_asked_and_how_old_the_answer_is() {
    let source = Local::start().await;
    let program = Program::asking(&source, &[]);
    for _ in 0..2 {
        let url = format!("{}/binance/analysis/spot-vs-futures?symbol=BTC", program.base);
        let answer = program.client.get(url).send().await.expect("an answer");
        assert_eq!(answer.headers()["x-source"], "Binance spot, Binance futures");
        let age = answer.headers()["age"]
            .to_str()
            .ok()
            .and_then(|age| age.parse::<u64>().ok());
        assert!(age.is_some_and(|age| age < 60), "{age:?}");
    }
    let day = told(&program, "get_ticker_24h", json!({ "symbol": "BTC" })).await;
    assert!(day["age_seconds"].as_u64().is_some_and(|age| age < 60), "{day}");
    assert_eq!(day["source"], "Binance spot");
    let recorded = Program::recorded();
    let day = told(&recorded, "get_ticker_24h", json!({ "symbol": "BTC" })).await;
    assert_eq!(day["as_of"], "2026-10-07T15:00:00Z");
}

/// Only what the models' own interfaces take.
#[tokio::test]
async fn schemas_are_plain() {
    fn check(path: &str, schema: &Value) {
        match schema {
            Value::Object(members) => {
                for (name, value) in members {
                    let wrong = [
                        "oneOf", "anyOf", "allOf", "const", "$ref", "$schema", "format", "examples",
                    ];
                    assert!(!wrong.contains(&name.as_str()), "{path} has {name}");
                    assert!(name != "type" || !value.is_array(), "{path} has several types");
                    check(&format!("{path}.{name}"), value);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| check(path, value)),
            _ => {}
        }
    }
    let program = Program::recorded();
    for tool in listed(&program).await {
        let name = tool["name"].as_str().unwrap_or_default();
        check(name, &tool["inputSchema"]);
        check(name, &tool["outputSchema"]);
        assert_eq!(tool["inputSchema"].get("additionalProperties"), None, "{name}");
    }
    let tools = listed(&program).await;
    let candles = tools
        .iter()
        .find(|tool| tool["name"] == "get_klines")
        .expect("listed");
    assert_eq!(candles["inputSchema"]["properties"]["interval"]["enum"][5], "1h");
}
