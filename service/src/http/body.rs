//! Bodies: read with a limit and in time, written with a type, compressed when that helps.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::Answer;
use crate::upstream::Failure;

/// The type of most answers.
pub const JSON: &str = "application/json";
/// The longest body that is read: a tool call is under a kilobyte.
pub const LIMIT: usize = 256 * 1024;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shorter bodies are not compressed: it would cost more than it saves.
const WORTH_COMPRESSING: usize = 1024;

/// Reads a body.
///
/// # Errors
/// The status that says what is wrong: 413, 408 or 400.
pub async fn read<B>(body: B) -> Result<Bytes, (StatusCode, &'static str)>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(PATIENCE, Limited::new(body, LIMIT).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 262144 bytes",
        )),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body ends early")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 10 s")),
    }
}

/// An answer of a type.
pub fn answer(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// An answer of JSON.
pub fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, JSON, body.to_string())
}

/// An error of the REST side.
pub fn error(status: StatusCode, cause: &str) -> Answer {
    passing(json(status, &json!({ "error": cause })))
}

/// An answer that changes with the program alone.
pub fn kept(mut answer: Answer) -> Answer {
    let hour = HeaderValue::from_static("max-age=3600");
    answer.headers_mut().insert(header::CACHE_CONTROL, hour);
    answer
}

/// An answer of this moment, which nobody is to keep.
pub fn passing(mut answer: Answer) -> Answer {
    let never = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, never);
    answer
}

/// A tool's failure over REST.
pub fn failure(failure: &Failure) -> Answer {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut body = json!({ "error": failure.to_string() });
    let retry = failure.retry_after();
    if let Some(seconds) = retry {
        body["retry_after_seconds"] = seconds.into();
    }
    let answer = passing(json(status, &body));
    match retry {
        Some(seconds) => later(answer, seconds),
        None => answer,
    }
}

/// An answer that says in how many seconds to ask again.
pub fn later(mut answer: Answer, seconds: u64) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// The same answer, compressed where the client takes it and it is long enough.
pub async fn compressed(request: &HeaderMap, mut answer: Answer) -> Answer {
    let length = answer.body().size_hint().exact().unwrap_or_default();
    if length < WORTH_COMPRESSING as u64 {
        return answer;
    }
    let compressible = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|media| media != "image/png");
    if !compressible {
        return answer;
    }
    // Also where it stays as it is: a cache must not hand it to who takes another.
    let vary = HeaderValue::from_static("accept-encoding");
    answer.headers_mut().entry(header::VARY).or_insert(vary);
    if !takes_gzip(request) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            parts
                .headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Response::from_parts(parts, Full::new(packed.into()))
        }
        Err(_) => Response::from_parts(parts, Full::new(body)),
    }
}

/// Whether the client names gzip, or everything, with a weight above nothing.
fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    let mut everything = false;
    for part in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight
            .split_once('=')
            .map(|(_, weight)| weight.trim().parse::<f32>());
        let taken = weight != Some(Ok(0.0));
        match name.trim() {
            "*" => everything = taken,
            name if name.eq_ignore_ascii_case("gzip") => return taken,
            _ => {}
        }
    }
    everything
}
