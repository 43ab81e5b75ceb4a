//! A tool as a route: the query's parameters are its arguments.

use hyper::StatusCode;
use serde_json::Value;

use super::{Answer, body};
use crate::tool::{Described, Object};
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
        Ok(answer) => body::json(StatusCode::OK, &Value::Object(answer)),
        Err(failure) => body::failure(&failure),
    }
}
