//! MCP over Streamable HTTP: what clients send sloppily is put right, and every refusal is JSON-RPC;
//! the protocol itself is rmcp's.

use std::borrow::Cow;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use mcp_crypto_protocol::{Service, versions};
use serde_json::{Value, json};

use super::ending::{CUT, Ending};
use super::{Answer, body};
use crate::tool::Described;

/// The tool that a request names, or several with commas between.
pub type Named = Option<Cow<'static, str>>;

/// So many messages may come at once, in the versions that allow it.
const BATCH: usize = 20;
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC's code for what is the server's own fault.
pub const INTERNAL_ERROR: i64 = -32603;
const UNSUPPORTED_VERSION: i64 = -32022;

/// Answers one request; the tools that it calls come with the answer.
pub async fn answer<B>(
    service: &Service,
    tools: &[Described],
    ending: &Ending,
    parts: &Parts,
    incoming: B,
) -> (Named, Answer)
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (message, bytes) = match received(parts, incoming).await {
        Ok(received) => received,
        Err(refused) => return (None, refused),
    };
    match message {
        Value::Array(messages) => {
            let named: Vec<_> = messages
                .iter()
                .take(BATCH)
                .filter_map(|message| called(message, tools))
                .collect();
            let named = (!named.is_empty()).then(|| named.join(",").into());
            (named, batch(service, ending, parts, messages).await)
        }
        message => {
            let named = called(&message, tools).map(Cow::Borrowed);
            (named, one(service, ending, parts, &message, bytes).await)
        }
    }
}

/// The tool that a message calls, when there is such a tool.
fn called(message: &Value, tools: &[Described]) -> Option<&'static str> {
    let name = message["params"]["name"]
        .as_str()
        .filter(|_| message["method"] == "tools/call")?;
    tools.iter().map(|tool| tool.name).find(|known| *known == name)
}

/// What was posted, or the answer to who does not post JSON.
async fn received<B>(parts: &Parts, incoming: B) -> Result<(Value, Bytes), Answer>
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
    let bytes = body::read(incoming).await.map_err(refused)?;
    let message = serde_json::from_slice(&bytes).map_err(|error| {
        let cause = format!("the body is no JSON: {error}");
        refusal(StatusCode::BAD_REQUEST, PARSE_ERROR, &cause, &Value::Null)
    })?;
    Ok((message, bytes))
}

/// Batches are part of the versions up to 2025-03-26.
async fn batch(service: &Service, ending: &Ending, parts: &Parts, messages: Vec<Value>) -> Answer {
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
        let answer = one(service, ending, parts, &message, bytes).await.into_body();
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

async fn one(service: &Service, ending: &Ending, parts: &Parts, message: &Value, bytes: Bytes) -> Answer {
    let id = message
        .get("id")
        .filter(|id| id.is_string() || id.is_number())
        .cloned();
    let id = id.unwrap_or_default();
    if let Err((code, cause)) = checked(message) {
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
    *request.uri_mut() = parts.uri.clone();
    *request.headers_mut() = parts.headers.clone();
    // Clients that say less mean the same: the answer is JSON either way.
    request.headers_mut().insert(
        header::ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answered = tokio::select! {
        biased;
        answered = service.answer(request) => answered,
        () = ending.is_cut() => {
            return body::later(refusal(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR, CUT, &id), 1);
        }
    };
    let (parts, answer) = answered.into_parts();
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

/// What every message must have, whatever its method.
fn checked(message: &Value) -> Result<(), (i64, &'static str)> {
    let Value::Object(fields) = message else {
        return Err((INVALID_REQUEST, "a message is an object"));
    };
    if fields.get("jsonrpc").is_none_or(|version| version != "2.0") {
        return Err((INVALID_REQUEST, "the message lacks \"jsonrpc\": \"2.0\""));
    }
    if fields
        .get("id")
        .is_some_and(|id| !id.is_string() && !id.is_i64() && !id.is_u64())
    {
        return Err((INVALID_REQUEST, "the id is a string or a whole number"));
    }
    let method = match fields.get("method") {
        Some(Value::String(method)) => method,
        None if fields.contains_key("result") || fields.contains_key("error") => return Ok(()),
        _ => return Err((INVALID_REQUEST, "the message has no method")),
    };
    let params = fields.get("params");
    if params.is_some_and(|params| !params.is_object()) {
        return Err((INVALID_PARAMS, "params is an object"));
    }
    if method == "tools/call" && fields.contains_key("id") {
        let name = params.and_then(|params| params.get("name"));
        if !name.is_some_and(Value::is_string) {
            return Err((INVALID_PARAMS, "params.name is the tool's name"));
        }
        let arguments = params.and_then(|params| params.get("arguments"));
        if arguments.is_some_and(|arguments| !arguments.is_object() && !arguments.is_null()) {
            return Err((INVALID_PARAMS, "params.arguments is an object"));
        }
    }
    Ok(())
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
