//! Compression: for who takes it and where it is worth it, and the same answer either way.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::program::Program;

const LONG: &str = "/binance/klines?symbol=BTC&limit=200";
const SHORT: &str = "/health";

/// What came, before anything unpacks it: the encoding, what caches must tell apart, and the body.
struct Answer {
    encoding: Option<String>,
    vary: Option<String>,
    body: Vec<u8>,
}

/// Gets a path, or posts a body to it, as a client that takes these encodings.
async fn ask(program: &Program, path: &str, accepts: Option<&str>, body: Option<String>) -> Answer {
    let client = reqwest::Client::builder().no_gzip().build().expect("a client");
    let url = format!("{}{path}", program.base);
    let mut request = match body {
        Some(body) => client
            .post(url)
            .header("content-type", "application/json")
            .body(body),
        None => client.get(url),
    };
    if let Some(accepts) = accepts {
        request = request.header("accept-encoding", accepts);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path} {accepts:?}");
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().expect("text").to_lowercase());
    Answer {
        encoding: header("content-encoding"),
        vary: header("vary"),
        body: answer.bytes().await.expect("a body").to_vec(),
    }
}

fn unpacked(body: &[u8]) -> Value {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn long_answers_are_packed_for_who_takes_it() {
    let program = Program::recorded();
    let plain = ask(&program, LONG, None, None).await;
    let wanted: Value = serde_json::from_slice(&plain.body).expect("JSON");
    for accepts in [
        "gzip",
        "br, GZIP;q=0.5",
        "gzip;q=0.001",
        "identity;q=0.5, *;q=0.1",
    ] {
        let packed = ask(&program, LONG, Some(accepts), None).await;
        assert_eq!(packed.encoding.as_deref(), Some("gzip"), "{accepts}");
        assert_eq!(packed.vary.as_deref(), Some("accept-encoding"), "{accepts}");
        assert_eq!(unpacked(&packed.body), wanted, "{accepts}");
        assert!(packed.body.len() * 2 < plain.body.len());
    }
    let arguments = json!({ "symbol": "BTC", "limit": 200 });
    let params = json!({ "name": "get_klines", "arguments": arguments });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let packed = ask(&program, "/mcp", Some("gzip"), Some(call.to_string())).await;
    assert_eq!(packed.encoding.as_deref(), Some("gzip"));
    let mut told = unpacked(&packed.body)["result"]["structuredContent"].clone();
    // Over HTTP a header says so.
    assert!(told["age_seconds"].take().is_u64());
    told.as_object_mut().expect("an object").remove("age_seconds");
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn nobody_gets_gzip_who_does_not_take_it_and_caches_know() {
    let program = Program::recorded();
    for accepts in [
        None,
        Some("identity"),
        Some("br"),
        Some("gzip;q=0"),
        Some("gzip; q=0.000, *"),
        Some("*;q=0"),
        Some("gzipped"),
    ] {
        let plain = ask(&program, LONG, accepts, None).await;
        assert_eq!(plain.encoding, None, "{accepts:?}");
        assert_eq!(plain.vary.as_deref(), Some("accept-encoding"), "{accepts:?}");
        serde_json::from_slice::<Value>(&plain.body).unwrap_or_else(|_| panic!("no JSON: {accepts:?}"));
    }
}

#[tokio::test]
async fn what_is_short_or_packed_already_stays_as_it_is() {
    let program = Program::recorded();
    let short = ask(&program, SHORT, Some("gzip"), None).await;
    assert_eq!((short.encoding, short.vary), (None, None));
    assert_eq!(short.body, br#"{"status":"ok","service":"MCP Crypto API"}"#);
    let picture = ask(&program, "/binance/klines/chart?symbol=BTC", Some("gzip"), None).await;
    assert_eq!(picture.encoding, None);
    assert!(picture.body.starts_with(b"\x89PNG"));
}
