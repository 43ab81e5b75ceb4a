//! A tool as a route: the query's parameters are its arguments.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::Value;

use super::{Answer, body};
use crate::tool::{Arguments, Described, MOST, Picture, Reply};
use crate::upstream::Market;

/// Answers with what the tool answers.
pub async fn answer(tool: &Described, query: &str, market: &Market) -> Answer {
    let mut arguments = Arguments::new();
    // One more than any tool takes is enough to be refused.
    for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MOST + 1) {
        if arguments.iter().any(|(given, _)| *given == name) {
            return body::error(
                StatusCode::BAD_REQUEST,
                &format!("`{name}` is given more than once"),
            );
        }
        arguments.push((name.into_owned(), Value::String(value.into_owned())));
    }
    let answered = async {
        let mut reply = tool.call(arguments, market).await?;
        Ok(match reply.picture.take() {
            Some(picture) => pictured(picture, &reply),
            None => body::answer(StatusCode::OK, body::JSON, reply.text()?),
        })
    };
    answered.await.unwrap_or_else(|failure| body::failure(&failure))
}

/// The picture alone; what marks an answer stands in headers.
fn pictured(picture: Picture, reply: &Reply) -> Answer {
    let mut answer = body::answer(StatusCode::OK, picture.media, picture.bytes);
    let headers = answer.headers_mut();
    if reply.recorded {
        headers.insert("x-upstream", HeaderValue::from_static("recorded"));
    }
    if let Some(seconds) = reply.stale_seconds {
        headers.insert("x-stale-seconds", HeaderValue::from(seconds));
    }
    answer
}
