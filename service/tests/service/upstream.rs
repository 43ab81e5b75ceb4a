//! How sources are asked: once, politely, elsewhere when they fail, and not at all when they ask for a pause.

use std::time::Duration;

use crate::program::Program;
use crate::source::{Local, Manner, nobody};

const PRICE: &str = "/binance/spot/price?symbol=BTC";
const ASKED: &str = "/api/v3/ticker/price";
/// Prices that grow old at once.
const QUICKLY: (&str, &str) = ("CACHE_SECONDS", "0.05");

/// Asks until the answer is as wanted: what was good a moment ago has to grow old first.
async fn until(program: &Program, wanted: impl Fn(u16, &serde_json::Value) -> bool) -> serde_json::Value {
    for _ in 0..200 {
        let (status, body) = program.get(PRICE).await;
        if wanted(status, &body) {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the wanted answer did not come");
}

#[tokio::test]
async fn a_hundred_equal_questions_are_one() {
    let source = Local::start().await;
    source.behave(Manner::Slow(Duration::from_millis(300)));
    let program = Program::asking(&source, &[]);
    let asking = (0..100).map(|_| {
        let request = program.client.get(format!("{}{PRICE}", program.base));
        tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
    });
    for answer in asking.collect::<Vec<_>>() {
        assert_eq!(answer.await.expect("no panic"), 200);
    }
    assert_eq!(source.hits(ASKED), 1);
}

/// However soon an answer is old: who asks for several things at once asks for each of them once.
#[tokio::test]
async fn no_call_of_a_tool_asks_the_same_twice() {
    let source = Local::start().await;
    source.behave(Manner::Slow(Duration::from_millis(20)));
    let settings = [("CACHE_SECONDS", "0.001"), ("COINGECKO_API_KEY", "a-key")];
    let program = Program::asking(&source, &settings);
    let mut asked = 0;
    for example in crate::rest::examples(&program).await {
        source.questions();
        let (status, body) = program.get(&example).await;
        assert_eq!(status, 200, "{example}: {body}");
        let questions = source.questions();
        asked += questions.len();
        assert!(
            !questions.is_empty() && questions.values().all(|times| *times == 1),
            "{example}: {questions:?}"
        );
    }
    assert!(asked > 50, "{asked}");
}

#[tokio::test]
async fn a_good_answer_is_kept_and_asked_for_again_when_it_is_old() {
    let source = Local::start().await;
    let program = Program::asking(&source, &[]);
    for _ in 0..5 {
        assert_eq!(program.get(PRICE).await.0, 200);
    }
    assert_eq!(source.hits(ASKED), 1);
    let metrics = program.get("/metrics").await.1.to_string();
    for (outcome, number) in [("miss", 1), ("hit", 4)] {
        let line = format!(r#"cache_lookups_total{{outcome=\"{outcome}\"}} {number}\n"#);
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let quick = Program::asking(&source, &[QUICKLY]);
    until(&quick, |_, _| source.hits(ASKED) > 3).await;
}

#[tokio::test]
async fn an_old_answer_stands_in_marked_and_only_for_so_long() {
    for manner in [
        Manner::Gone,
        Manner::Garbage,
        Manner::Status(500, None),
        Manner::Status(429, Some(1)),
    ] {
        let source = Local::start().await;
        let program = Program::asking(&source, &[QUICKLY, ("STALE_SECONDS", "1.5")]);
        assert_eq!(program.get(PRICE).await.0, 200);
        source.behave(manner);
        let body = until(&program, |status, body| {
            status == 200 && body["stale_seconds"].is_u64()
        })
        .await;
        assert_eq!(body["price"], 92731.52, "{manner:?}");
        let body = until(&program, |status, _| status >= 500).await;
        assert!(body["error"].is_string(), "{manner:?}: {body}");
    }
}

#[tokio::test]
async fn a_pause_that_the_source_asks_for_is_kept() {
    for status in [429, 418] {
        let source = Local::start().await;
        source.behave(Manner::Status(status, Some(60)));
        let program = Program::asking(&source, &[]);
        let request = program.client.get(format!("{}{PRICE}", program.base));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 503);
        let retry = answer.headers()["retry-after"]
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        assert!(
            retry.is_some_and(|seconds| (55..=60).contains(&seconds)),
            "{retry:?}"
        );
        // Another question to the same source is not sent either, though the source is well again.
        source.behave(Manner::Good);
        let (again, _) = program.get("/binance/ticker/24h?symbol=BTC").await;
        assert_eq!((again, source.hits("/api/v3/ticker/24hr")), (503, 0), "{status}");
        assert_eq!(source.hits(ASKED), 1, "it is not asked twice");
    }
}

#[tokio::test]
async fn the_next_host_answers_where_the_first_cannot() {
    for manner in [
        Manner::Status(451, None),
        Manner::Status(503, None),
        Manner::Status(403, None),
        Manner::Gone,
    ] {
        let (first, second) = (Local::start().await, Local::start().await);
        first.behave(manner);
        let both = format!("{},{}", first.url(), second.url());
        let program = Program::start(&[("BINANCE_BASE_URL", &both)]);
        assert_eq!(program.get(PRICE).await.0, 200, "{manner:?}");
        assert_eq!(second.hits(ASKED), 1, "{manner:?}");
        // The host that answered is asked first from then on.
        assert_eq!(program.get("/binance/ticker/24h?symbol=BTC").await.0, 200);
        assert_eq!(first.hits("/api/v3/ticker/24hr"), 0, "{manner:?}");
    }
}

#[tokio::test]
async fn a_source_that_is_gone_is_a_clear_503_and_then_left_alone() {
    let program = Program::start(&[("BINANCE_BASE_URL", &nobody().await)]);
    for symbol in ["A", "B", "C", "D", "E"] {
        let (status, body) = program.get(&format!("/binance/spot/price?symbol={symbol}")).await;
        assert_eq!(status, 503, "{body}");
    }
    let (_, body) = program.get("/binance/spot/price?symbol=F").await;
    assert!(
        body["error"]
            .as_str()
            .is_some_and(|error| error.contains("left alone")),
        "{body}"
    );
    assert_eq!(program.get("/ready").await.1["sources"]["spot"], "down");
    let (_, metrics) = program.get("/metrics").await;
    let metrics = metrics.as_str().unwrap_or_default();
    assert!(
        metrics.contains("upstream_circuit_open{source=\"spot\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn weight_that_others_spent_stops_us_short_of_the_limit() {
    let source = Local::start().await;
    source.behave(Manner::Heavy(5990));
    let program = Program::asking(&source, &[]);
    assert_eq!(program.get(PRICE).await.0, 200);
    let (status, body) = program.get("/binance/ticker/24h?symbol=BTC").await;
    assert_eq!((status, source.hits("/api/v3/ticker/24hr")), (503, 0), "{body}");
}

#[tokio::test]
async fn a_slow_source_is_given_up() {
    let source = Local::start().await;
    source.behave(Manner::Slow(Duration::from_secs(30)));
    let program = Program::asking(&source, &[("UPSTREAM_TIMEOUT_SECONDS", "0.3")]);
    let began = std::time::Instant::now();
    let (status, body) = program.get(PRICE).await;
    assert!(
        status == 503 && began.elapsed() < Duration::from_secs(5),
        "{status} {body}"
    );
}

/// How the program says that spot is: its state, and all of `/ready`.
async fn spot(program: &Program) -> (String, serde_json::Value) {
    let (_, ready) = program.get("/ready").await;
    (
        ready["sources"]["spot"].as_str().unwrap_or_default().to_owned(),
        ready,
    )
}

async fn metric(program: &Program, line: &str) -> bool {
    let (_, metrics) = program.get("/metrics").await;
    metrics
        .as_str()
        .unwrap_or_default()
        .lines()
        .any(|one| one.starts_with(line))
}

#[tokio::test]
async fn a_pause_of_any_length_is_kept_within_reason_and_shown() {
    for (status, retry, longest) in [
        (429, "18446744073709551615", 3600),
        (418, "18446744073709551615", 259_200),
        (429, "99999999999999999999999999", 3600),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        (429, "soon", 30),
    ] {
        let source = Local::start().await;
        source.behave(Manner::Says(status, retry));
        let program = Program::asking(&source, &[]);
        let (got, body) = program.get(PRICE).await;
        let seconds = body["retry_after_seconds"].as_u64().unwrap_or_default();
        assert!(
            got == 503 && (longest - 2..=longest).contains(&seconds),
            "{retry}: {body}"
        );
        let (state, ready) = spot(&program).await;
        let left = ready["asked_again_in_seconds"]["spot"]
            .as_u64()
            .unwrap_or_default();
        assert!(
            state == "paused" && (longest - 5..=longest + 1).contains(&left),
            "{retry}: {ready}"
        );
        assert!(!metric(&program, "upstream_paused_seconds{source=\"spot\"} 0").await);
        assert!(metric(&program, "upstream_paused_seconds{source=\"futures\"} 0").await);
    }
}

#[tokio::test]
async fn who_is_refused_learns_what_to_set() {
    for (status, why) in [(451, "country"), (403, "address")] {
        let source = Local::start().await;
        source.behave(Manner::Status(status, None));
        let program = Program::asking(&source, &[]);
        for (path, setting) in [
            (PRICE, "BINANCE_BASE_URL"),
            ("/binance/futures/price?symbol=BTC", "BINANCE_FUTURES_BASE_URL"),
            ("/coingecko/price?coin_ids=bitcoin", "COINGECKO_BASE_URL"),
        ] {
            let (got, body) = program.get(path).await;
            let error = body["error"].as_str().unwrap_or_default();
            assert!(
                got == 503 && error.contains(setting) && error.contains(why),
                "{body}"
            );
        }
        assert_eq!(source.hits(ASKED), 1, "the same host says the same again");
        // A country does not change by waiting: nobody is asked again at once.
        let (state, ready) = spot(&program).await;
        assert_eq!(state == "down", status == 451, "{ready}");
        let (_, body) = program.get("/binance/ticker/24h?symbol=BTC").await;
        let error = body["error"].as_str().unwrap_or_default();
        assert!(error.contains("BINANCE_BASE_URL"), "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_key_stays() {
    let (first, second) = (Local::start().await, Local::start().await);
    first.behave(Manner::Elsewhere(second.address));
    let program = Program::asking(&first, &[("COINGECKO_API_KEY", "secret")]);
    let (status, body) = program.get("/coingecko/price?coin_ids=bitcoin").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((first.saw_a_key(), second.saw_a_key()), (true, false));
    first.behave(Manner::Elsewhere(first.address));
    let (status, body) = program.get("/coingecko/trending").await;
    assert!(status == 503 && body.to_string().contains("redirects"), "{body}");
}

#[tokio::test]
async fn nonsense_is_a_failure_like_any_other() {
    for nonsense in [
        "<html>maintenance</html>",
        "",
        "[]",
        "null",
        "{\"price\":",
        "{\"code\":0,\"msg\":\"maintenance\"}",
    ] {
        let (first, second) = (Local::start().await, Local::start().await);
        first.behave(Manner::Answer(nonsense));
        let both = format!("{},{}", first.url(), second.url());
        let program = Program::start(&[("BINANCE_BASE_URL", &both)]);
        let (status, body) = program.get(PRICE).await;
        assert_eq!((status, second.hits(ASKED)), (200, 1), "{nonsense}: {body}");
        assert!(
            metric(
                &program,
                r#"upstream_requests_total{outcome="failed",source="spot"} 1"#
            )
            .await,
            "{nonsense}"
        );
    }
    let source = Local::start().await;
    source.behave(Manner::Garbage);
    let program = Program::asking(&source, &[]);
    let (status, body) = program.get(PRICE).await;
    assert!(status == 502 && body.to_string().contains("a page"), "{body}");
    for interval in ["1m", "5m", "15m", "1h"] {
        program
            .get(&format!("/binance/klines?symbol=BTC&interval={interval}"))
            .await;
    }
    let (state, ready) = spot(&program).await;
    assert!(state == "down" && ready["causes"]["spot"].is_string(), "{ready}");
    assert!(metric(&program, r#"upstream_circuit_open{source="spot"} 1"#).await);
    let asked = source.hits(ASKED);
    assert_eq!(program.get("/binance/spot/price?symbol=ETH").await.0, 503);
    assert_eq!(source.hits(ASKED), asked, "it is left alone");
}

#[tokio::test]
async fn an_unknown_name_costs_nothing_twice() {
    let source = Local::start().await;
    let program = Program::asking(&source, &[QUICKLY]);
    let about = [
        "spot/price",
        "ticker/24h",
        "klines",
        "analysis/kline-patterns",
        "spot/price",
    ];
    let questions = || {
        let paths = [ASKED, "/api/v3/ticker/24hr", "/api/v3/klines"];
        paths.map(|path| source.hits(path)).iter().sum::<usize>()
    };
    let mut first = None;
    for route in about {
        let (status, body) = program.get(&format!("/binance/{route}?symbol=NOPEUSDT")).await;
        assert_eq!(status, 404, "{route}: {body}");
        assert_eq!(questions(), *first.get_or_insert_with(questions), "{route}");
    }
}
