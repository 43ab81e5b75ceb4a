//! Running it: keys, limits, headers, configuration, and restarts that nobody notices.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
            let (mut answered, mut failed) = (0, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                match client.get(&url).send().await {
                    Ok(answer) if answer.status() == 200 => answered += 1,
                    other => failed.push(format!("{other:?}")),
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
            answered > 0 && failed.is_empty(),
            "{answered} answered, but {failed:?}"
        );
    }
}

/// A proxy that says whom it serves in one header, while the client forges what it likes.
#[tokio::test]
async fn a_client_cannot_pass_for_another_and_the_log_shows_it() {
    for settings in [&[][..], &[("CLIENT_IP_HEADER", "X-Real-IP")]] {
        let mut all = vec![RECORDED, ("RATE_LIMIT", "3")];
        all.extend_from_slice(settings);
        let program = Program::start(&all);
        let (believed, forged) = match settings {
            [] => ("x-forwarded-for", "x-real-ip"),
            _ => ("x-real-ip", "x-forwarded-for"),
        };
        let ask = |number: usize, address: &str| {
            let request = program.client.get(format!("{}{PRICE}", program.base));
            let request = request.header(forged, format!("198.51.100.{number}"));
            let request = request.header(believed, format!("198.51.100.{number}, {address}"));
            request.header("x-request-id", format!("r{number}")).send()
        };
        for number in 0..6 {
            // An IPv6 client has many addresses, and is one client.
            let answer = ask(number, &format!("2001:db8::{number}"))
                .await
                .expect("an answer");
            assert_eq!(answer.status() == 200, number < 3, "{number}");
        }
        assert_eq!(ask(6, "192.0.2.1").await.expect("an answer").status(), 200);
        assert_eq!(program.logged("r6").await.1["client"], "192.0.2.1");
        assert_eq!(program.logged("r4").await.1["client"], "2001:db8::4");
    }
}

#[tokio::test]
async fn the_log_says_who_asked_for_what_and_keeps_keys_and_length_out() {
    let sum = ring::digest::digest(&ring::digest::SHA256, b"a key");
    let sum: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("{SUM},{sum}");
    let program = Program::start(&[RECORDED, ("API_KEYS_SHA256", &keys)]);
    let headers = |id: &'static str| {
        [
            ("content-type", "application/json"),
            ("x-api-key", "a key"),
            ("x-request-id", id),
        ]
    };
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_spot_price","arguments":{"symbol":"BTC"}}}"#;
    assert_eq!(program.post("/mcp", &headers("over-mcp"), call).await.0, 200);
    let ask = |path: String, id: &'static str| {
        let request = program.client.get(format!("{}{path}", program.base));
        request
            .header("x-api-key", "a key")
            .header("x-request-id", id)
            .send()
    };
    ask(PRICE.into(), "over-rest").await.expect("an answer");
    let long = "a".repeat(5_000);
    let answer = ask(format!("/{long}?{long}&key=a+key"), "long")
        .await
        .expect("an answer");
    assert!(answer.text().await.expect("a body").len() < 500);
    for id in ["over-mcp", "over-rest"] {
        let (_, line) = program.logged(id).await;
        assert_eq!(
            (&line["key"], &line["tool"]),
            (&2.into(), &"get_spot_price".into()),
            "{line}"
        );
    }
    let (log, line) = program.logged("long").await;
    assert!(line.to_string().len() < 600 && line["path"].as_str().is_some_and(|path| path.len() > 100));
    assert!(!log.contains("a key") && !log.contains("a+key") && !log.contains("symbol="));
}

/// Opens a connection and asks once on it.
fn kept(program: &Program, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(program.base.trim_start_matches("http://")).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    write!(stream, "GET /health HTTP/1.1\r\nHost: a\r\n{header}\r\n").expect("it reads");
    let mut answer = [0; 2048];
    let length = stream.read(&mut answer).expect("an answer");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
    stream
}

/// Whether the other side has closed a connection.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let open = stream
        .read(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    !open
}

#[tokio::test]
async fn a_client_keeps_so_many_idle_connections_and_a_proxy_more() {
    let program = Program::recorded();
    let open: Vec<TcpStream> = (0..100).map(|_| kept(&program, "")).collect();
    let closed = || open.iter().filter(|stream| is_closed(stream)).count();
    for _ in 0..200 {
        if closed() >= 36 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(closed(), 36);
    assert!(open[..36].iter().all(is_closed), "the oldest went");
    let proxys = Program::recorded();
    let open: Vec<TcpStream> = (0..100)
        .map(|_| kept(&proxys, "X-Forwarded-For: 192.0.2.1\r\n"))
        .collect();
    assert!(!open.iter().any(is_closed));
}

#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_is_set() {
    let program = Program::start(&[RECORDED, ("KEEP_ALIVE_SECONDS", "1")]);
    let began = Instant::now();
    let mut stream = kept(&program, "");
    assert_eq!(stream.read(&mut [0]).expect("closed cleanly"), 0);
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(5),
        "{took:?}"
    );
}

/// Who is not answered within the limit is told so, and the exit code tells who runs it.
#[tokio::test]
async fn requests_that_are_cut_at_the_end_get_an_answer() {
    let source = Local::start().await;
    source.behave(Manner::Slow(Duration::from_secs(60)));
    let settings = [("DRAIN_SECONDS", "1"), ("UPSTREAM_TIMEOUT_SECONDS", "60")];
    let program = Program::asking(&source, &settings);
    let rest = program.client.get(format!("{}{PRICE}", program.base)).send();
    let rest = tokio::spawn(rest);
    let call = r#"{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"get_ticker_24h","arguments":{"symbol":"BTC"}}}"#;
    let request = program.client.post(format!("{}/mcp", program.base));
    let mcp = request
        .header("content-type", "application/json")
        .body(call)
        .send();
    let mcp = tokio::spawn(mcp);
    while source.hits("/api/v3/ticker/price") == 0 || source.hits("/api/v3/ticker/24hr") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    program.terminate();
    let rest = rest.await.expect("no panic").expect("an answer");
    assert_eq!(
        (rest.status().as_u16(), &rest.headers()["retry-after"]),
        (503, &"1".parse().expect("a value"))
    );
    assert!(rest.text().await.expect("a body").contains("ask again"));
    let mcp = mcp.await.expect("no panic").expect("an answer");
    assert_eq!(mcp.status(), 503);
    let answer: serde_json::Value = serde_json::from_str(&mcp.text().await.expect("a body")).expect("JSON");
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&"mine".into(), &(-32603).into())
    );
    assert!(!program.ended(), "the exit code says that not all were answered");
}

/// A port that is closed tells a balancer nothing: while open requests finish, new ones are answered too.
#[tokio::test]
async fn while_it_drains_it_says_so_and_answers() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let source = Local::start().await;
        source.behave(Manner::Slow(Duration::from_secs(2)));
        let program = Program::asking(&source, &[]);
        let open = tokio::spawn(program.client.get(format!("{}{PRICE}", program.base)).send());
        while source.hits("/api/v3/ticker/price") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program.signal(signal);
        // Longer than connections that were open have for a last question.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (status, body) = program.get("/ready").await;
        assert_eq!((status, &body["status"]), (503, &"draining".into()), "{signal}");
        assert_eq!(program.get("/health").await.0, 200);
        let open = open.await.expect("no panic").expect("an answer");
        assert_eq!(open.status(), 200, "{signal}");
        assert!(program.ended(), "{signal}: all were answered");
    }
}
