//! How the service is found and what it says of itself: to who writes programs, to caches, to clients and registries.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::program::{Program, command};
use crate::source::{Local, Manner};

const RECORDED: (&str, &str) = ("UPSTREAM", "recorded");
const ADDRESS: (&str, &str) = ("PUBLIC_URL", "https://example.com/crypto/mcp");
/// SHA-256 of some key.
const KEYS: (&str, &str) = (
    "API_KEYS_SHA256",
    "8fa3aab2faa9b79e0a0398da5b5abd0780142442a5be80b9a64608d718cb1fcd",
);

#[tokio::test]
async fn openapi_says_where_to_ask_with_what_and_how_it_may_fail() {
    for (settings, server, security) in [
        (&[RECORDED][..], "/", json!([{}, { "key": [] }, { "bearer": [] }])),
        (
            &[RECORDED, ADDRESS, KEYS],
            "https://example.com/crypto",
            json!([{ "key": [] }, { "bearer": [] }]),
        ),
    ] {
        let program = Program::start(settings);
        let request = program.client.get(format!("{}/openapi.json", program.base));
        let request = request.header("x-api-key", "a key");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["cache-control"], "max-age=3600");
        let openapi: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        assert_eq!(
            (&openapi["servers"], &openapi["security"]),
            (&json!([{ "url": server }]), &security)
        );
        for name in ["key", "bearer"] {
            assert!(
                openapi["components"]["securitySchemes"][name].is_object(),
                "{name}"
            );
        }
        for (path, item) in openapi["paths"].as_object().expect("paths") {
            let responses = &item["get"]["responses"];
            for status in ["200", "400", "401", "403", "404", "429", "502", "503"] {
                assert!(responses[status]["description"].is_string(), "{path}: {status}");
            }
            assert!(
                responses["401"]["headers"]["WWW-Authenticate"].is_object(),
                "{path}"
            );
            assert!(responses["200"]["headers"]["Cache-Control"].is_object(), "{path}");
        }
    }
}

/// The status and the headers `cache-control` and `age` of an answer.
async fn caching(program: &Program, path: &str) -> (u16, String, Option<u64>) {
    let request = program.client.get(format!("{}{path}", program.base));
    let answer = request
        .header("x-api-key", "a key")
        .send()
        .await
        .expect("an answer");
    let said = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let age = said("age").and_then(|age| age.parse().ok());
    (
        answer.status().as_u16(),
        said("cache-control").unwrap_or_default().to_owned(),
        age,
    )
}

#[tokio::test]
async fn caches_know_how_long_an_answer_is_good_and_whose_it_is() {
    const PRICE: &str = "/binance/spot/price?symbol=BTC";
    let source = Local::start().await;
    let program = Program::asking(&source, &[("CACHE_SECONDS", "40")]);
    // Also when it is sent again, and for a picture.
    for path in [PRICE, PRICE, "/binance/klines/chart?symbol=BTC"] {
        let (status, caching, age) = caching(&program, path).await;
        let seconds = caching
            .strip_prefix("public, max-age=")
            .and_then(|seconds| seconds.parse::<u64>().ok());
        assert!(
            status == 200 && seconds.is_some_and(|seconds| (35..=40).contains(&seconds)),
            "{path}: {caching}"
        );
        assert!(age.is_some_and(|age| age <= 5), "{path}: {age:?}");
    }
    for path in [
        "/binance/spot/price?symbol=NOSUCH",
        "/nothing",
        "/health",
        "/ready",
        "/metrics",
    ] {
        assert_eq!(caching(&program, path).await.1, "no-store", "{path}");
    }
    for path in ["/", "/openapi.json"] {
        assert_eq!(caching(&program, path).await.1, "max-age=3600", "{path}");
    }
    // What stands in for a source that is down is not kept.
    let quick = Program::asking(&source, &[("CACHE_SECONDS", "0.05")]);
    assert_eq!(caching(&quick, PRICE).await.0, 200);
    source.behave(Manner::Gone);
    let mut stale = false;
    for _ in 0..200 {
        if caching(&quick, PRICE).await == (200, "no-store".into(), Some(0)) {
            stale = true;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(stale);
    let keyed = Program::start(&[RECORDED, KEYS]);
    let (status, caching, _) = caching(&keyed, PRICE).await;
    assert!(
        status == 200 && caching.starts_with("private, max-age="),
        "{caching}"
    );
}

#[tokio::test]
async fn a_page_sets_cursor_and_vs_code_up_by_a_click() {
    for (settings, has_key) in [
        (&[RECORDED, ADDRESS][..], false),
        (&[RECORDED, ADDRESS, KEYS], true),
    ] {
        let program = Program::start(settings);
        let request = program.client.get(format!("{}/", program.base));
        let request = request.header("x-api-key", "a key").header("accept", "text/html");
        let page = request
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a body");
        let link = |start: &str| {
            let (_, rest) = page.split_once(start).expect("a link");
            let config = rest.split('"').next().expect("its end").replace("&amp;", "&");
            let decoded = form_urlencoded::parse(format!("c={config}").as_bytes())
                .next()
                .map(|(_, text)| text.into_owned());
            decoded.expect("a value")
        };
        let cursor = link("href=\"cursor://anysphere.cursor-deeplink/mcp/install?name=crypto&amp;config=");
        let cursor: Value =
            serde_json::from_slice(&BASE64_STANDARD.decode(cursor).expect("base64")).expect("JSON");
        let code: Value = serde_json::from_str(&link("href=\"vscode:mcp/install?")).expect("JSON");
        for server in [&cursor, &code] {
            assert_eq!(server["url"], "https://example.com/crypto/mcp");
            assert_eq!(server.get("headers").is_some(), has_key, "{server}");
        }
        for name in ["Claude Desktop", "ChatGPT", "Claude Code", "Kiro"] {
            assert!(page.contains(&format!("<summary>{name}")), "{name}");
        }
        assert_eq!(page.contains("X-API-Key"), has_key);
    }
}

#[test]
fn the_program_writes_what_clients_are_given() {
    let run = |arguments: &[&str]| {
        let output = command().args(arguments).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let url = ["--public-url", "https://api.example.com/mcp"];
    for client in [
        "kiro",
        "claude",
        "claude-desktop",
        "cursor",
        "vscode",
        "mcp-remote",
    ] {
        let (code, file, _) = run(&["--client", client, url[0], url[1]]);
        let file: Value = serde_json::from_str(&file).expect("JSON");
        assert_eq!(code, Some(0), "{client}");
        assert!(
            file.to_string().contains("X-API-Key"),
            "{client} has a place for the key: {file}"
        );
    }
    let (code, told, _) = run(&["--client", "chatgpt", url[0], url[1]]);
    assert!(
        code == Some(0) && told.contains("https://api.example.com/mcp"),
        "{told}"
    );
    let (_, file, _) = run(&[
        "--client",
        "cursor",
        url[0],
        url[1],
        "--oauth-issuer",
        "https://id.example.com",
    ]);
    assert!(
        !file.contains("X-API-Key"),
        "a client that gets tokens itself has none: {file}"
    );
    let (code, link, _) = run(&["--link", "vscode", url[0], url[1]]);
    assert!(
        code == Some(0) && link.starts_with("vscode:mcp/install?%7B"),
        "{link}"
    );
    for arguments in [&["--client", "chatgpt"][..], &["--link", "kiro", url[0], url[1]]] {
        let (code, _, error) = run(arguments);
        assert!(code == Some(2) && error.contains("--public-url"), "{error}");
    }
    let (code, _, error) = run(&["--client", "emacs"]);
    assert!(
        code == Some(2) && error.contains("kiro, claude, claude-desktop"),
        "{error}"
    );
}

#[test]
fn registries_are_told_the_programs_version() {
    for text in [
        include_str!("../../bundle/manifest.json"),
        include_str!("../../bundle/server.json"),
    ] {
        let said: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(said["version"], env!("CARGO_PKG_VERSION"));
        assert!(
            said["description"].as_str().is_some_and(|text| text.len() <= 110),
            "{said}"
        );
    }
}
