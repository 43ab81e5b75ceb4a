//! A tool as a route: the query's parameters are its arguments.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::Value;
use serde_json::map::Entry;

use super::{Answer, body};
use crate::tool::{Described, Object, Picture, Reply};
use crate::upstream::Market;

/// Answers with what the tool answers.
pub async fn answer(tool: &Described, query: &str, market: &Market) -> Answer {
    let mut arguments = Object::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match arguments.entry(name) {
            Entry::Vacant(place) => {
                place.insert(Value::String(value.into_owned()));
            }
            Entry::Occupied(place) => {
                return body::error(
                    StatusCode::BAD_REQUEST,
                    &format!("`{}` is given more than once", place.key()),
                );
            }
        }
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
