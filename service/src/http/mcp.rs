//! MCP over Streamable HTTP: what clients send sloppily is put right, and every refusal is JSON-RPC;
//! the protocol itself is rmcp's.

use std::borrow::Cow;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use mcp_crypto_protocol::{Service, versions};
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{INVALID_REQUEST, Message};
use super::{Answer, body};
use crate::tool::Described;

/// The tool that a request names, or several with commas between.
pub type Named = Option<Cow<'static, str>>;

/// So many messages may come at once, in the versions that allow it.
const BATCH: usize = 20;
const PARSE_ERROR: i64 = -32700;
const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC's code for what is the server's own fault.
pub const INTERNAL_ERROR: i64 = -32603;
const UNSUPPORTED_VERSION: i64 = -32022;

/// Answers one request; the tools that it calls come with the answer. The message's identifier is known before there is
/// one.
pub async fn answer<B>(
    service: &Service,
    tools: &[Described],
    parts: &Parts,
    incoming: B,
    id: &mut Value,
) -> (Named, Answer)
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bytes = match received(parts, incoming).await {
        Ok(received) => received,
        Err(refused) => return (None, refused),
    };
    match read(&bytes) {
        Ok(Posted::One(message)) => {
            let named = called(&message, tools).map(Cow::Borrowed);
            *id = message.id();
            (named, one(service, parts, &message, bytes.clone()).await)
        }
        Ok(Posted::Batch(messages)) => {
            let named: Vec<_> = messages
                .iter()
                .take(BATCH)
                .filter_map(|message| called(&Message::deserialize(message).ok()?, tools))
                .collect();
            let named = (!named.is_empty()).then(|| named.join(",").into());
            (named, batch(service, parts, messages).await)
        }
        Err(cause) => {
            let cause = format!("the body is no JSON: {cause}");
            let refusal = refusal(StatusCode::BAD_REQUEST, PARSE_ERROR, &cause, &Value::Null);
            (None, refusal)
        }
    }
}

/// What is posted.
enum Posted<'a> {
    One(Message<'a>),
    Batch(Vec<Value>),
}

fn read(bytes: &[u8]) -> Result<Posted<'_>, String> {
    // What is passed over is not looked at for what no text may have.
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let read = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map(Posted::Batch)
    } else {
        serde_json::from_str(text).map(Posted::One)
    };
    read.map_err(|error| error.to_string())
}

/// The tool that a message calls, when there is such a tool.
fn called(message: &Message<'_>, tools: &[Described]) -> Option<&'static str> {
    let name = message.called()?;
    tools.iter().map(|tool| tool.name).find(|known| *known == name)
}

/// What was posted, or the answer to who does not post JSON.
async fn received<B>(parts: &Parts, incoming: B) -> Result<Bytes, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if parts.method != Method::POST {
        let mut answer = refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            INVALID_REQUEST,
            "MCP is spoken by POST",
            &Value::Null,
        );
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Err(answer);
    }
    if !is_json(&parts.headers) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            INVALID_REQUEST,
            "the Content-Type is not application/json",
            &Value::Null,
        ));
    }
    let refused = |(status, cause)| refusal(status, INVALID_REQUEST, cause, &Value::Null);
    body::read(incoming).await.map_err(refused)
}

/// Batches are part of the versions up to 2025-03-26.
async fn batch(service: &Service, parts: &Parts, messages: Vec<Value>) -> Answer {
    let version = parts.headers.get("mcp-protocol-version");
    let allowed = version.is_none_or(|version| version == "2025-03-26" || version == "2024-11-05");
    if !allowed || messages.is_empty() || messages.len() > BATCH {
        return refusal(
            StatusCode::BAD_REQUEST,
            INVALID_REQUEST,
            "a batch has 1 to 20 messages, and only versions up to 2025-03-26 have batches",
            &Value::Null,
        );
    }
    let mut answers = Vec::new();
    for message in messages {
        let bytes = Bytes::from(message.to_string());
        let Ok(message) = Message::deserialize(&message) else {
            continue;
        };
        let answer = one(service, parts, &message, bytes).await.into_body();
        let Ok(answer) = answer.collect().await.map(http_body_util::Collected::to_bytes);
        if let Ok(answer) = serde_json::from_slice::<Value>(&answer) {
            answers.push(answer);
        }
    }
    if answers.is_empty() {
        return body::answer(StatusCode::ACCEPTED, "application/json", Bytes::new());
    }
    body::json(StatusCode::OK, &Value::Array(answers))
}

async fn one(service: &Service, parts: &Parts, message: &Message<'_>, bytes: Bytes) -> Answer {
    let id = message.id();
    if let Err((code, cause)) = message.checked() {
        return refusal(StatusCode::BAD_REQUEST, code, cause, &id);
    }
    if let Some(unknown) = unknown_version(&parts.headers) {
        let data = json!({
            "supported": versions().collect::<Vec<_>>(),
            "requested": unknown,
        });
        let error = json!({ "code": UNSUPPORTED_VERSION, "message": "the protocol version is not supported", "data": data });
        let body = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        return body::json(StatusCode::BAD_REQUEST, &body);
    }
    let mut request = Request::new(Full::new(bytes));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    // Clients that say less mean the same: the answer is JSON either way. Of the rest only its own concerns the protocol.
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    for (name, value) in &parts.headers {
        if name.as_str().starts_with("mcp-") {
            headers.append(name, value.clone());
        }
    }
    let (parts, answer) = service.answer(request).await.into_parts();
    let media = parts.headers.get(header::CONTENT_TYPE);
    let is_text = media.is_none_or(|media| !media.as_bytes().starts_with(b"application/json"));
    if (parts.status.is_client_error() || parts.status.is_server_error()) && is_text {
        let cause = String::from_utf8_lossy(&answer);
        // What passed the checks above and is still not understood has parameters of a wrong shape.
        let (status, code) = match parts.status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (StatusCode::BAD_REQUEST, INVALID_PARAMS),
            status => (status, INVALID_REQUEST),
        };
        return refusal(status, code, &cause, &id);
    }
    Answer::from_parts(parts, Full::new(answer))
}

fn unknown_version(headers: &HeaderMap) -> Option<String> {
    let version = headers.get("mcp-protocol-version")?;
    let known = versions().any(|known| known.as_bytes() == version.as_bytes());
    (!known).then(|| String::from_utf8_lossy(version.as_bytes()).into_owned())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(media) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = media
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A refusal that a client of JSON-RPC understands.
pub fn refusal(status: StatusCode, code: i64, cause: &str, id: &Value) -> Answer {
    let error = json!({ "code": code, "message": cause });
    body::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}
