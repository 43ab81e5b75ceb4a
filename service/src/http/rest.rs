//! A tool as a route: the query's parameters are its arguments.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::Value;

use super::{Answer, body};
use crate::tool::{Described, Object, Picture};
use crate::upstream::Market;

/// Answers with what the tool answers.
pub async fn answer(tool: &Described, query: &str, market: &Market) -> Answer {
    let mut arguments = Object::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if arguments.contains_key(name.as_ref()) {
            return body::error(
                StatusCode::BAD_REQUEST,
                &format!("`{name}` is given more than once"),
            );
        }
        arguments.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    match tool.call(arguments, market).await {
        Ok(reply) => match reply.picture {
            Some(picture) => pictured(picture, &reply.object),
            None => body::json(StatusCode::OK, &Value::Object(reply.object)),
        },
        Err(failure) => body::failure(&failure),
    }
}

/// The picture alone; what marks an answer stands in headers.
fn pictured(picture: Picture, object: &Object) -> Answer {
    let mut answer = body::answer(StatusCode::OK, picture.media, picture.bytes);
    let headers = answer.headers_mut();
    if object.contains_key("upstream") {
        headers.insert("x-upstream", HeaderValue::from_static("recorded"));
    }
    if let Some(seconds) = object.get("stale_seconds").and_then(Value::as_u64) {
        headers.insert("x-stale-seconds", HeaderValue::from(seconds));
    }
    answer
}
