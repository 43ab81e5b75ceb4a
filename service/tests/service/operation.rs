//! Running it: keys, limits, headers, configuration, and restarts that nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::program::{Program, command, free_port};
use crate::source::{Local, Manner};

const PRICE: &str = "/binance/spot/price?symbol=BTC";
const RECORDED: (&str, &str) = ("UPSTREAM", "recorded");
/// SHA-256 of `a key`.
const SUM: &str = "9bdb1d3d2e0e7d7fd1cfbfdd3d3f5e1a1d9a1f07f0b6e0ad6f0e1f7a1c3b5d7e";

#[tokio::test]
async fn a_key_is_asked_for_when_there_are_keys() {
    let sum = ring::digest::digest(&ring::digest::SHA256, b"a key");
    let sum: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("{SUM},{sum}");
    let program = Program::start(&[RECORDED, ("API_KEYS_SHA256", &keys)]);
    let (status, body) = program.get(PRICE).await;
    assert_eq!(
        (status, body.to_string()),
        (401, r#"{"error":"Invalid API key"}"#.into())
    );
    assert_eq!(
        program.get("/health").await.0,
        200,
        "monitors are not turned away"
    );
    for (name, value) in [("x-api-key", "a key"), ("authorization", "Bearer a key")] {
        let request = program.client.get(format!("{}{PRICE}", program.base));
        let answer = request.header(name, value).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{name}");
    }
    let headers = [("content-type", "application/json"), ("x-api-key", "another")];
    assert_eq!(
        program
            .post("/mcp", &headers, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let program = Program::start(&[RECORDED, ("RATE_LIMIT", "3")]);
    for _ in 0..3 {
        assert_eq!(program.get(PRICE).await.0, 200);
    }
    let request = program.client.get(format!("{}{PRICE}", program.base));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(program.get("/health").await.0, 200);
}

#[tokio::test]
async fn answers_carry_their_headers() {
    let program = Program::recorded();
    let request = program
        .client
        .get(format!("{}/binance/klines?symbol=BTC", program.base));
    let answer = request
        .header("x-request-id", "my-id")
        .header("origin", "https://any.example")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["x-request-id"], "my-id");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let (_, metrics) = program.get("/metrics").await;
    let metrics = metrics.as_str().unwrap_or_default();
    for name in [
        r#"http_requests_total{method="GET",route="/binance/klines",status="200"} 1"#,
        "http_request_duration_seconds_count",
        "cache_lookups_total",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
}

/// A page of another site may ask, send its key, and read why and when to ask again.
#[tokio::test]
async fn other_sites_pages_can_use_the_routes() {
    let program = Program::recorded();
    let ask = |method: reqwest::Method, path: &str, origin: &str| {
        let request = program.client.request(method, format!("{}{path}", program.base));
        request.header("origin", origin).send()
    };
    let site = "https://any.example";
    let preflight = ask(reqwest::Method::OPTIONS, PRICE, site)
        .await
        .expect("an answer");
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let allowed = &preflight.headers()["access-control-allow-headers"];
    assert!(allowed.to_str().expect("text").contains("x-api-key"));
    let answer = ask(reqwest::Method::GET, PRICE, site).await.expect("an answer");
    let readable = &answer.headers()["access-control-expose-headers"];
    assert!(readable.to_str().expect("text").contains("retry-after"));
    let refused = ask(reqwest::Method::OPTIONS, "/mcp", site)
        .await
        .expect("an answer");
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
    let wrong = ask(reqwest::Method::DELETE, PRICE, site)
        .await
        .expect("an answer");
    assert_eq!(
        (wrong.status().as_u16(), &wrong.headers()["allow"]),
        (
            405,
            &reqwest::header::HeaderValue::from_static("GET, HEAD, OPTIONS")
        )
    );
}

#[tokio::test]
async fn a_bad_value_names_itself_and_ends_with_2() {
    let output = command().env("PORT", "http").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("PORT=http (from the environment)"), "{text}");
}

#[tokio::test]
async fn sigterm_lets_open_requests_finish() {
    let source = Local::start().await;
    source.behave(Manner::Slow(std::time::Duration::from_millis(800)));
    let program = Program::asking(&source, &[]);
    let request = program.client.get(format!("{}{PRICE}", program.base));
    let open = tokio::spawn(async move { request.send().await.expect("an answer").status() });
    while source.hits("/api/v3/ticker/price") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    program.terminate();
    assert_eq!(open.await.expect("no panic"), 200);
    assert!(program.ended());
}

/// A successor listens on the same port before its predecessor is told to stop.
#[tokio::test]
async fn a_restart_drops_no_connection() {
    let port = free_port();
    let mut running = Program::on(port, &[RECORDED]);
    let stop = Arc::new(AtomicBool::new(false));
    let clients = (0..4).map(|_| {
        let stop = Arc::clone(&stop);
        let url = format!("{}{PRICE}", running.base);
        tokio::spawn(async move {
            // A connection for each request: none is spared the change.
            let client = reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client");
            let (mut answered, mut failed) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                match client.get(&url).send().await {
                    Ok(answer) if answer.status() == 200 => answered += 1,
                    _ => failed += 1,
                }
            }
            (answered, failed)
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..3 {
        let successor = Program::on(port, &[RECORDED]);
        running.terminate();
        let predecessor = std::mem::replace(&mut running, successor);
        let ended = tokio::task::spawn_blocking(move || predecessor.ended()).await;
        assert!(ended.expect("no panic"));
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let (answered, failed) = client.await.expect("no panic");
        assert!(
            answered > 0 && failed == 0,
            "{answered} answered, {failed} failed"
        );
    }
}
