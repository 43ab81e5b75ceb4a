//! Tokens of the team's own authorization server, beside API keys.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::issuer::{Issuer, Key, now};
use crate::program::Program;

const PRICE: &str = "/binance/spot/price?symbol=BTC";
const ADDRESS: (&str, &str) = ("PUBLIC_URL", "https://api.example.com/mcp");
const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource";
/// SHA-256 of `a key`.
const SUM: &str = "8fa3aab2faa9b79e0a0398da5b5abd0780142442a5be80b9a64608d718cb1fcd";

fn protected(issuer: &Issuer, settings: &[(&str, &str)]) -> Program {
    let mut all = vec![
        ("UPSTREAM", "recorded"),
        ADDRESS,
        ("OAUTH_ISSUER", issuer.url.as_str()),
    ];
    all.extend_from_slice(settings);
    Program::start(&all)
}

/// An answer's status, its challenge and its body.
async fn ask(program: &Program, path: &str, token: Option<&str>) -> (u16, String, Value) {
    let mut request = program.client.get(format!("{}{path}", program.base));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = request.send().await.expect("an answer");
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map(|value| value.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, challenge.unwrap_or_default(), body)
}

#[tokio::test]
async fn a_token_of_the_issuer_lets_in_and_says_who_asks() {
    let issuer = Issuer::start().await;
    let keys = [Key::ec(), Key::ed(), Key::rsa()];
    let published: Vec<Value> = keys.iter().map(|key| key.published(key.algorithm())).collect();
    issuer.publish(&published);
    let program = protected(&issuer, &[("API_KEYS_SHA256", SUM), ("RATE_LIMIT", "4")]);
    for key in &keys {
        let token = key.token(key.algorithm(), &issuer.claims("ada"));
        let (status, _, body) = ask(&program, PRICE, Some(&token)).await;
        assert_eq!(
            (status, &body["price"]),
            (200, &json!(92731.52)),
            "{}: {body}",
            key.algorithm()
        );
    }
    // A list of audiences, a type that says nothing, an issuer's own spelling of the Bearer scheme.
    let mut claims = issuer.claims("ada");
    claims["aud"] = json!(["https://other.example.com", "https://api.example.com"]);
    let token = keys[0].signed(&json!({ "alg": "ES256", "kid": "ES256" }), &claims);
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &*format!("bearer {token}")),
        ("x-request-id", "over-mcp"),
    ];
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_spot_price","arguments":{"symbol":"BTC"}}}"#;
    let (status, answer) = program.post("/mcp", &headers, call).await;
    assert_eq!(
        (status, &answer["result"]["isError"]),
        (200, &json!(false)),
        "{answer}"
    );
    let (log, line) = program.logged("over-mcp").await;
    assert_eq!(
        (&line["subject"], &line["tool"]),
        (&json!("ada"), &json!("get_spot_price"))
    );
    assert!(!log.contains(&token), "a token is no part of the log");
    // Requests are counted by who asks, wherever from.
    assert_eq!(ask(&program, PRICE, Some(&token)).await.0, 429);
    let other = keys[0].token("ES256", &issuer.claims("grace"));
    assert_eq!(ask(&program, PRICE, Some(&other)).await.0, 200);
    assert_eq!(issuer.asked_for_keys(), 1, "keys are kept");
    // Keys of the service stay.
    for header in ["x-api-key", "authorization"] {
        let value = if header == "x-api-key" {
            "a key"
        } else {
            "Bearer a key"
        };
        let request = program.client.get(format!("{}{PRICE}", program.base));
        let answer = request.header(header, value).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{header}");
    }
}

#[tokio::test]
async fn a_token_that_does_not_let_in_is_told_why() {
    let issuer = Issuer::start().await;
    let (key, other) = (Key::ec(), Key::ec());
    issuer.publish(&[key.published("a")]);
    let program = protected(&issuer, &[]);
    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims("ada");
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        }
        key.token("a", &claims)
    };
    let good = issuer.claims("ada");
    let unsigned = format!(
        "{}.{}.",
        BASE64.encode(r#"{"alg":"none"}"#),
        BASE64.encode(good.to_string())
    );
    let x = key.published("a")["x"].as_str().expect("text").to_owned();
    // Signed with what the issuer publishes, as if that were a secret.
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, x.as_bytes());
    let message = format!(
        "{}.{}",
        BASE64.encode(r#"{"alg":"HS256","kid":"a"}"#),
        BASE64.encode(good.to_string())
    );
    let confused = format!(
        "{message}.{}",
        BASE64.encode(ring::hmac::sign(&secret, message.as_bytes()))
    );
    let whole = key.token("a", &good);
    let (head, signature) = whole.rsplit_once('.').expect("a token");
    let changed = head.split_once('.').expect("a token").0.to_owned()
        + "."
        + &BASE64.encode(issuer.claims("mallory").to_string())
        + "."
        + signature;
    let critical = key.signed(
        &json!({ "alg": "ES256", "kid": "a", "crit": ["b"], "b": 1 }),
        &good,
    );
    let logout = key.signed(&json!({ "alg": "ES256", "kid": "a", "typ": "logout+jwt" }), &good);
    for (token, why) in [
        (with("exp", json!(now() - 60)), "the token has expired"),
        (with("exp", Value::Null), "the token lacks exp or aud"),
        (with("nbf", json!(now() + 300)), "the token is not good yet"),
        (
            with("iss", json!("https://id.example.net")),
            "the token is of another issuer",
        ),
        (with("iss", json!([issuer.url])), "the token is of another issuer"),
        (with("iss", Value::Null), "the token is of another issuer"),
        (
            with("aud", json!("https://api.example.net")),
            "the token is made out to another service",
        ),
        (
            with("aud", json!("https://api.example.com/mcp/more")),
            "the token is made out to another service",
        ),
        (with("aud", Value::Null), "the token lacks exp or aud"),
        (other.token("a", &good), "the token's signature is wrong"),
        (changed, "the token's signature is wrong"),
        (
            other.token("b", &good),
            "the token is signed by no key that its issuer publishes",
        ),
        (
            Key::ed().token("a", &good),
            "the token is signed by no key that its issuer publishes",
        ),
        (confused, "the token is signed by an algorithm that is not taken"),
        (unsigned, "the token is no JWT"),
        (critical, "the token cannot be read"),
        (logout, "the token is no access token"),
        ("a.b.c".into(), "the token is no JWT"),
    ] {
        let (status, challenge, body) = ask(&program, PRICE, Some(&token)).await;
        assert_eq!((status, &body["error"]), (401, &json!(why)), "{token}");
        let said = format!(
            "Bearer error=\"invalid_token\", error_description=\"{why}\", resource_metadata=\"{METADATA}\""
        );
        assert_eq!(challenge, said);
    }
    assert_eq!(ask(&program, PRICE, Some(&whole)).await.0, 200);
    assert_eq!(ask(&program, "/health", None).await.0, 200);
}

#[tokio::test]
async fn who_has_no_token_learns_who_gives_one() {
    let issuer = Issuer::start().await;
    let program = protected(&issuer, &[("OAUTH_SCOPES", "read:prices")]);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for (path, resource) in [("/mcp", "/mcp"), ("/", "")] {
        let request = program.client.post(format!("{}{path}", program.base));
        let request = request
            .header("content-type", "application/json")
            .header("origin", "http://localhost:3000");
        let answer = request.body(list).send().await.expect("an answer");
        let challenge = format!("Bearer scope=\"read:prices\", resource_metadata=\"{METADATA}{resource}\"");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["www-authenticate"]),
            (401, &challenge.parse().expect("a value"))
        );
        let readable = answer.headers()["access-control-expose-headers"]
            .to_str()
            .expect("text");
        assert!(readable.contains("www-authenticate"), "a page can read it");
        let place = format!("/.well-known/oauth-protected-resource{resource}");
        let (status, _, metadata) = ask(&program, &place, None).await;
        let wanted = json!({
            "resource": format!("https://api.example.com{resource}"),
            "authorization_servers": [issuer.url],
            "bearer_methods_supported": ["header"],
            "resource_name": "MCP Crypto API Server",
            "scopes_supported": ["read:prices"],
        });
        assert_eq!((status, metadata), (200, wanted));
    }
    // The service gives no tokens itself.
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/other",
    ] {
        assert_eq!(ask(&program, path, None).await.0, 404, "{path}");
    }
    assert_eq!(issuer.asked_for_keys(), 0, "nobody is asked for want of a token");
}

#[tokio::test]
async fn a_token_must_permit_what_is_configured() {
    let issuer = Issuer::start().await;
    let key = Key::ed();
    issuer.publish(&[key.published("a")]);
    let program = protected(&issuer, &[("OAUTH_SCOPES", "read:prices read:books")]);
    let good = key.token("a", &{
        let mut claims = issuer.claims("ada");
        claims["scope"] = json!("read:prices read:books");
        claims
    });
    let (status, _, openapi) = ask(&program, "/openapi.json", Some(&good)).await;
    assert_eq!((status, &openapi["security"]), (200, &json!([{ "bearer": [] }])));
    for (name, scopes, status) in [
        ("scope", json!("read:books read:prices"), 200),
        ("scp", json!(["read:books", "read:prices"]), 200),
        ("scp", json!("read:prices read:books"), 200),
        ("scope", json!("read:prices"), 403),
        ("scope", json!("read:pricess read:books"), 403),
        ("scope", Value::Null, 403),
    ] {
        let mut claims = issuer.claims("ada");
        claims["scope"] = Value::Null;
        claims[name] = scopes.clone();
        let (got, challenge, _) = ask(&program, PRICE, Some(&key.token("a", &claims))).await;
        assert_eq!(got, status, "{scopes}");
        let wanted = format!(
            "Bearer error=\"insufficient_scope\", scope=\"read:prices read:books\", resource_metadata=\"{METADATA}\""
        );
        assert_eq!(challenge, if status == 403 { wanted } else { String::new() });
    }
}

#[tokio::test]
async fn new_keys_are_asked_for_when_a_token_names_one_and_not_endlessly() {
    let issuer = Issuer::start().await;
    let (old, new) = (Key::ec(), Key::rsa());
    issuer.publish(&[old.published("old")]);
    let program = protected(&issuer, &[]);
    let claims = issuer.claims("ada");
    let status = async |token: String| ask(&program, PRICE, Some(&token)).await.0;
    assert_eq!(status(old.token("old", &claims)).await, 200);
    issuer.publish(&[new.published("new")]);
    assert_eq!(status(new.token("new", &claims)).await, 200);
    assert_eq!(
        status(old.token("old", &claims)).await,
        401,
        "a key that is withdrawn is gone"
    );
    let stranger = Key::ed();
    for number in 0..20 {
        assert_eq!(status(stranger.token(&format!("k{number}"), &claims)).await, 401);
    }
    assert!(issuer.asked_for_keys() <= 7, "{} times", issuer.asked_for_keys());
    // A token that names no key is checked by those that fit.
    let unnamed = new.signed(&json!({ "alg": "RS256" }), &claims);
    assert_eq!(status(unnamed).await, 200);
}

#[tokio::test]
async fn an_issuer_that_is_down_or_is_another_lets_nobody_in_and_keys_still_do() {
    let issuer = Issuer::start().await;
    let key = Key::ec();
    issuer.publish(&[key.published("a")]);
    issuer.breaks();
    let program = protected(&issuer, &[("API_KEYS_SHA256", SUM)]);
    let token = key.token("a", &issuer.claims("ada"));
    let request = || {
        let request = program.client.get(format!("{}{PRICE}", program.base));
        request.header("authorization", format!("Bearer {token}")).send()
    };
    let answer = request().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().expect("a value"))
    );
    let keyed = program
        .client
        .get(format!("{}{PRICE}", program.base))
        .header("x-api-key", "a key");
    assert_eq!(keyed.send().await.expect("an answer").status(), 200);
    issuer.recovers();
    issuer.pretends_to_be("https://id.example.net");
    assert_eq!(request().await.expect("an answer").status(), 503);
    let (log, _) = {
        let request = program.client.get(format!("{}{PRICE}", program.base));
        request
            .header("x-request-id", "last")
            .send()
            .await
            .expect("an answer");
        program.logged("last").await
    };
    assert!(log.contains("describes another issuer"), "{log}");
    issuer.pretends_to_be(&issuer.url.clone());
    assert_eq!(request().await.expect("an answer").status(), 200);
    // What is known stands in while the issuer is gone.
    issuer.breaks();
    assert_eq!(request().await.expect("an answer").status(), 200);
}
