//! A tool as a route: the query's parameters are its arguments.

use hyper::header::{self, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{StatusCode, Uri};
use serde_json::Value;

use super::finished::Finished;
use super::{Answer, body};
use crate::arguments::{Arguments, MOST};
use crate::time;
use crate::tool::{Described, Picture, Reply};
use crate::upstream::{Audience, Fresh, Market};

/// Answers with what the tool answers; what it has answered before is sent again while that is good.
pub async fn answer(tool: &Described, uri: &Uri, market: &Market, finished: &Finished) -> Answer {
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if let Some((mut answer, fresh)) = finished.get(target).await {
        market.found(fresh.lookups);
        aged(&mut answer, fresh.as_of);
        return answer;
    }
    match made(tool, uri.query().unwrap_or_default(), market).await {
        Ok((answer, fresh)) => {
            if let Some(fresh) = fresh {
                finished.keep(target, &answer, fresh).await;
            }
            answer
        }
        Err(failure) => failure,
    }
}

/// The tool's answer and how long it is good, or the answer that there is none.
async fn made(tool: &Described, query: &str, market: &Market) -> Result<(Answer, Option<Fresh>), Answer> {
    let mut arguments = Arguments::new();
    // One more than any tool takes is enough to be refused.
    for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MOST + 1) {
        arguments.push((name.into_owned(), Value::String(value.into_owned())));
    }
    let failed = |failure| body::failure(&failure);
    let mut reply = tool
        .call(arguments, market, Audience::Programs)
        .await
        .map_err(failed)?;
    let mut answer = match reply.picture.take() {
        Some(picture) => pictured(picture, &reply),
        None => body::answer(StatusCode::OK, body::JSON, reply.answer.to_string()),
    };
    if let Ok(source) = HeaderValue::try_from(&reply.source) {
        answer.headers_mut().insert("x-source", source);
    }
    aged(&mut answer, reply.as_of);
    Ok((answer, reply.fresh))
}

/// Says how old the answer is.
fn aged(answer: &mut Answer, as_of: i64) {
    let age = (time::now() - as_of).max(0) / 1000;
    answer.headers_mut().insert(header::AGE, HeaderValue::from(age));
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
