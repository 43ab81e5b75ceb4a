//! Where clients look for MCP, and what they look for beside it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::Program;

const JSON: (&str, &str) = ("content-type", "application/json");
/// The addresses that clients are configured with, and what joining them makes.
const ADDRESSES: [&str; 6] = ["/mcp", "/mcp/", "/", "", "//mcp", "/mcp?session=1"];

/// The status, the header `allow` and the body of a request.
async fn ask(
    program: &Program,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, Option<String>, String) {
    let mut request = program.client.request(method, format!("{}{path}", program.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let allow = answer
        .headers()
        .get("allow")
        .map(|allow| allow.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    (status, allow, answer.text().await.expect("a body"))
}

#[tokio::test]
async fn every_address_of_mcp_answers_alike() {
    let program = Program::recorded();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    for address in ADDRESSES {
        let (status, answer) = program.post(address, &[JSON], list.clone()).await;
        assert_eq!(status, 200, "{address}");
        assert!(answer["result"]["tools"].is_array(), "{address}: {answer}");
        for (method, accept) in [
            (Method::GET, "text/event-stream"),
            (Method::GET, "application/json, text/event-stream"),
            (Method::GET, "Text/Event-Stream"),
            (Method::HEAD, "text/event-stream"),
            (Method::DELETE, "*/*"),
            (Method::PUT, "*/*"),
        ] {
            let (status, allow, _) = ask(&program, method.clone(), address, &[("accept", accept)]).await;
            assert_eq!(
                (status, allow.as_deref()),
                (405, Some("POST")),
                "{method} {address} {accept}"
            );
        }
        let evil = [("origin", "https://evil.example"), JSON];
        assert_eq!(
            program.post(address, &evil, list.clone()).await.0,
            403,
            "{address}"
        );
        let page = [
            ("origin", "http://localhost:3000"),
            ("access-control-request-method", "POST"),
        ];
        let asks = program
            .client
            .request(Method::OPTIONS, format!("{}{address}", program.base));
        let asks = page
            .iter()
            .fold(asks, |asks, (name, value)| asks.header(*name, *value));
        let allowed = asks.send().await.expect("an answer");
        assert!(
            allowed.headers().contains_key("access-control-allow-origin"),
            "{address}"
        );
        let asks = program
            .client
            .request(Method::OPTIONS, format!("{}{address}", program.base));
        let asks = asks.header("origin", "https://evil.example");
        let refused = asks.header("access-control-request-method", "POST").send().await;
        let refused = refused.expect("an answer");
        assert!(
            !refused.headers().contains_key("access-control-allow-origin"),
            "{address}"
        );
    }
}

#[tokio::test]
async fn the_bare_address_is_still_a_page_and_the_list_of_routes() {
    let program = Program::recorded();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let (status, _, page) = ask(&program, Method::GET, "/", &[("accept", browser)]).await;
    assert!(
        status == 200 && page.starts_with("<!doctype html>"),
        "{page:.200}"
    );
    for accept in ["*/*", "application/json", "text/plain"] {
        let (status, _, index) = ask(&program, Method::GET, "/", &[("accept", accept)]).await;
        let index: Value = serde_json::from_str(&index).expect("JSON");
        assert_eq!(
            (status, &index["service"]),
            (200, &json!("MCP Crypto API Server")),
            "{accept}"
        );
    }
    for path in ["/health/", "//health", "/binance/spot/price/?symbol=BTC"] {
        assert_eq!(program.get(path).await.0, 200, "{path}");
    }
}

/// Clients ask for what is not offered whatever is declared, and drop a server that answers with an error.
#[tokio::test]
async fn what_is_not_offered_is_an_empty_list() {
    let program = Program::recorded();
    for (method, list) in [
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let old = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        let (status, answer) = program.post("/mcp", &[JSON], old.to_string()).await;
        assert_eq!((status, &answer["result"][list]), (200, &json!([])), "{answer}");
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let new = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "_meta": meta } });
        let headers = [
            JSON,
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        let (status, answer) = program.post("/", &headers, new.to_string()).await;
        let result = &answer["result"];
        assert_eq!((status, &result[list]), (200, &json!([])), "{answer}");
        assert_eq!(result["resultType"], "complete");
        assert!(
            result["ttlMs"].as_u64().is_some_and(|ttl| ttl > 60_000),
            "nobody need ask again soon: {answer}"
        );
    }
    for (method, params, said) in [
        (
            "resources/read",
            json!({ "uri": "file:///a" }),
            "there is no resource file:///a",
        ),
        (
            "prompts/get",
            json!({ "name": "hello" }),
            "there is no prompt hello",
        ),
    ] {
        let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (_, answer) = program.post("/mcp", &[JSON], ask.to_string()).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{answer}");
    }
}

/// A client that is refused looks here for who gives tokens: nobody does, and it needs no key to learn that.
#[tokio::test]
async fn who_looks_for_an_authorization_server_is_told_that_there_is_none() {
    let sum = "9bdb1d3d2e0e7d7fd1cfbfdd3d3f5e1a1d9a1f07f0b6e0ad6f0e1f7a1c3b5d7e";
    let program = Program::start(&[("UPSTREAM", "recorded"), ("API_KEYS_SHA256", sum)]);
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let (status, answer) = program.get(path).await;
        assert_eq!(status, 404, "{path}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(path), "{answer}");
    }
    assert_eq!(program.get("/well-known").await.0, 401);
}
