//! Paths → answers.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::price::{SpotPrice, pair};
use crate::upstream::{PriceError, Prices};

/// An answer with a JSON body.
pub type Answer = Response<Full<Bytes>>;

/// Answers one request.
pub async fn answer<B>(prices: &Prices, request: &Request<B>) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return error(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
    }
    match request.uri().path() {
        "/" => json_answer(StatusCode::OK, &documentation()),
        "/health" => json_answer(
            StatusCode::OK,
            &json!({ "status": "ok", "service": "MCP Crypto API" }),
        ),
        "/ready" => json_answer(StatusCode::OK, &json!({ "status": "ready" })),
        "/binance/spot/price" => spot_price(prices, request.uri().query().unwrap_or_default()).await,
        path => error(
            StatusCode::NOT_FOUND,
            &format!("there is no {path} here; / lists what there is"),
        ),
    }
}

async fn spot_price(prices: &Prices, query: &str) -> Answer {
    let symbol = query.split('&').find_map(|part| part.strip_prefix("symbol="));
    let Some(symbol) = symbol else {
        return error(
            StatusCode::BAD_REQUEST,
            "the parameter `symbol` is missing: /binance/spot/price?symbol=BTC",
        );
    };
    let Some(pair) = pair(symbol) else {
        return error(
            StatusCode::BAD_REQUEST,
            "`symbol` is letters and digits, such as BTC or ETHBTC",
        );
    };
    match prices.spot(&pair).await {
        Ok(price) => match SpotPrice::new(&pair, price, prices.recorded()) {
            Some(answer) => json_answer(StatusCode::OK, &json!(answer)),
            None => error(
                StatusCode::BAD_GATEWAY,
                "the exchange gave a price that is no number",
            ),
        },
        Err(cause @ PriceError::Unknown(_)) => error(StatusCode::NOT_FOUND, &cause.to_string()),
        Err(cause @ PriceError::Down(_)) => error(StatusCode::SERVICE_UNAVAILABLE, &cause.to_string()),
    }
}

fn documentation() -> Value {
    json!({
        "service": "MCP Crypto API Server",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoints": {
            "health": "GET /health",
            "binance": { "spot_price": "GET /binance/spot/price?symbol=BTC" }
        }
    })
}

fn error(status: StatusCode, cause: &str) -> Answer {
    json_answer(status, &json!({ "error": cause }))
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Upstream;
    use http_body_util::BodyExt;

    async fn get(path: &str) -> (u16, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let prices = Prices::new(Upstream::Recorded).expect("a client");
        let request = Request::builder().uri(path).body(()).expect("a request");
        let answer = answer(&prices, &request).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn the_documents_routes_answer() {
        assert_eq!(
            get("/health").await,
            (200, r#"{"status":"ok","service":"MCP Crypto API"}"#.into())
        );
        let (status, body) = get("/binance/spot/price?symbol=btc").await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            r#"{"symbol":"BTCUSDT","price":92731.52,"price_formatted":"$92,731.5200","market":"现货","upstream":"recorded"}"#
        );
        assert!(get("/").await.1.contains("GET /binance/spot/price?symbol=BTC"));
    }

    #[tokio::test]
    async fn errors_have_a_status_and_a_cause() {
        assert_eq!(get("/binance/spot/price").await.0, 400);
        assert_eq!(get("/binance/spot/price?symbol=%20").await.0, 400);
        assert_eq!(get("/binance/spot/price?symbol=NONE").await.0, 404);
        assert_eq!(get("/nothing").await.0, 404);
    }
}
