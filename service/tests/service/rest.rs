//! Every tool over REST, and what `/` and `/openapi.json` say of them.

use serde_json::{Value, json};

use crate::program::Program;
use crate::source::Local;

/// Every tool's route with its example, from the document at `/`.
pub async fn examples(program: &Program) -> Vec<String> {
    let (_, index) = program.get("/").await;
    let groups = ["binance", "coingecko"].map(|group| index["endpoints"][group].clone());
    let routes = groups
        .iter()
        .filter_map(Value::as_object)
        .flat_map(serde_json::Map::values);
    routes
        .filter_map(Value::as_str)
        .map(|route| route.trim_start_matches("GET ").to_owned())
        .collect()
}

#[tokio::test]
async fn every_route_answers_its_example_and_says_that_it_is_recorded() {
    let program = Program::recorded();
    let examples = examples(&program).await;
    assert!(examples.len() >= 29, "{examples:?}");
    for example in examples {
        let (status, body) = program.get(&example).await;
        let marked = match body.as_str() {
            Some(picture) => picture.starts_with("<svg") && picture.contains("(recorded)"),
            None => body["upstream"] == "recorded",
        };
        assert!(status == 200 && marked, "{example}: {status} {body}");
    }
}

#[tokio::test]
async fn a_live_source_is_not_marked_and_every_route_can_read_it() {
    let source = Local::start().await;
    // CoinGecko lets who has no key ask less often than there are routes.
    let program = Program::asking(&source, &[("COINGECKO_API_KEY", "a-key")]);
    for example in examples(&program).await {
        let (status, body) = program.get(&example).await;
        assert_eq!(
            (status, body.get("upstream"), body.get("stale_seconds")),
            (200, None, None),
            "{example}"
        );
    }
    let (_, price) = program.get("/binance/spot/price?symbol=BTC").await;
    let wanted = r#"{"symbol":"BTCUSDT","price":92731.52,"price_formatted":"$92,731.5200","market":"现货"}"#;
    assert_eq!(price.to_string(), wanted);
}

#[tokio::test]
async fn the_documents_bodies_are_exact() {
    let program = Program::recorded();
    let answer = program
        .client
        .get(format!("{}/health", program.base))
        .send()
        .await;
    let text = answer.expect("an answer").text().await.expect("a body");
    assert_eq!(text, r#"{"status":"ok","service":"MCP Crypto API"}"#);
    assert_eq!(program.get("/ready").await.1["status"], "ready");
}

#[tokio::test]
async fn errors_have_a_status_and_a_cause() {
    let program = Program::recorded();
    for (path, status, cause) in [
        ("/binance/spot/price", 400, "missing field `symbol`"),
        ("/binance/spot/price?symbol=%20", 400, "`symbol`"),
        ("/binance/spot/price?symbol=BTC&symbol=ETH", 400, "more than once"),
        ("/binance/spot/price?sybmol=BTC", 400, "unknown field `sybmol`"),
        ("/binance/spot/price?symbol=BTTC", 404, "did you mean BTCUSDT?"),
        ("/binance/klines?symbol=BTC&limit=900", 400, "not from 1 to 500"),
        (
            "/binance/klines?symbol=BTC&limit=x",
            400,
            "\"x\" is not from 1 to 500",
        ),
        ("/binance/klines?symbol=BTC&interval=2x", 400, "`interval`"),
        ("/binance/tickers?symbols=BTC,NOPE", 404, "NOPEUSDT"),
        ("/coingecko/coin?coin_id=bitcoi", 404, "did you mean bitcoin?"),
        ("/nothing", 404, "/nothing"),
    ] {
        let (got, body) = program.get(path).await;
        let error = body["error"].as_str().unwrap_or_default();
        assert!(got == status && error.contains(cause), "{path}: {got} {body}");
    }
}

#[tokio::test]
async fn openapi_has_every_route_with_the_tools_own_schemas() {
    let program = Program::recorded();
    let (_, openapi) = program.get("/openapi.json").await;
    let paths = openapi["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), examples(&program).await.len());
    let limit = &openapi["paths"]["/binance/klines"]["get"]["parameters"][2];
    assert_eq!(
        (&limit["name"], &limit["schema"]["maximum"]),
        (&json!("limit"), &json!(500))
    );
}

#[tokio::test]
async fn a_chart_is_a_picture_and_a_browser_gets_a_page_that_shows_it() {
    let program = Program::recorded();
    let get = |path: &str, accept: &str| {
        let request = program.client.get(format!("{}{path}", program.base));
        request.header("accept", accept).send()
    };
    let png = get("/binance/klines/chart?symbol=BTC", "*/*")
        .await
        .expect("an answer");
    assert_eq!(png.headers()["content-type"], "image/png");
    assert_eq!(png.headers()["x-upstream"], "recorded");
    assert!(png.bytes().await.expect("a body").starts_with(b"\x89PNG\r\n"));
    let (_, short) = program
        .get("/binance/klines/chart?symbol=BTC&format=svg&limit=10")
        .await;
    let (_, long) = program
        .get("/binance/klines/chart?symbol=BTC&format=svg&limit=60")
        .await;
    let (_, futures) = program
        .get("/binance/klines/chart?symbol=BTC&format=svg&market=futures&indicators=ema20,macd")
        .await;
    let svg = futures.as_str().unwrap_or_default();
    assert!(
        svg.contains("Binance futures")
            && svg.contains("EMA 20")
            && svg.contains("MACD")
            && !svg.contains("RSI")
    );
    let candles = |svg: &Value| svg.as_str().map(|svg| svg.matches("<rect").count());
    assert!(candles(&short).is_some() && candles(&short) < candles(&long));
    let page = get("/", "text/html,*/*")
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    assert!(page.contains("<img src=\"binance/klines/chart"));
    for example in examples(&program).await {
        assert!(page.contains(&example.replace('&', "&amp;")), "{example}");
    }
}

#[tokio::test]
async fn the_readme_names_every_tool_and_route() {
    let program = Program::recorded();
    let readme = include_str!("../../README.md");
    let (_, openapi) = program.get("/openapi.json").await;
    for (route, item) in openapi["paths"].as_object().expect("paths") {
        let name = item["get"]["operationId"].as_str().unwrap_or_default();
        assert!(
            readme.contains(&format!("| `{name}` | `{route}")),
            "{name} {route}"
        );
    }
}
