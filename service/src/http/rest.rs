//! A tool as a route: the query's parameters are its arguments.

use std::time::Instant;

use hyper::body::Body;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{StatusCode, Uri};
use serde_json::Value;

use super::{Answer, body};
use crate::arguments::{Arguments, MOST};
use crate::finished::Finished;
use crate::time;
use crate::tool::{Described, Picture, Reply};
use crate::upstream::{Audience, Fresh, Market};

/// So many headers come to an answer on its way.
const FURTHER: usize = 8;

/// Who may have an answer from a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Anybody may ask as well.
    Anybody,
    /// The next one who asks may not be let in.
    WhoAsked,
}

/// Answers with what the tool answers; what it has answered before is sent again while that is good.
pub async fn answer(
    tool: &Described,
    uri: &Uri,
    market: &Market,
    finished: &Finished<Answer>,
    sharing: Sharing,
) -> Answer {
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if let Some((mut answer, fresh)) = finished.get(target).await {
        market.found(fresh.lookups);
        aged(&mut answer, fresh.as_of);
        return answer;
    }
    match made(tool, uri.query().unwrap_or_default(), market, sharing).await {
        Ok((answer, fresh)) => {
            if let Some(fresh) = fresh {
                let length = answer.body().size_hint().lower();
                finished
                    .keep(target.to_owned(), answer.clone(), length, fresh)
                    .await;
            }
            answer
        }
        Err(failure) => failure,
    }
}

/// The tool's answer and how long it is good, or the answer that there is none.
async fn made(
    tool: &Described,
    query: &str,
    market: &Market,
    sharing: Sharing,
) -> Result<(Answer, Option<Fresh>), Answer> {
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
    // For what every answer says besides: a copy that is given again need not grow.
    answer.headers_mut().reserve(FURTHER);
    if let Ok(source) = HeaderValue::try_from(&reply.source) {
        answer.headers_mut().insert("x-source", source);
    }
    aged(&mut answer, reply.as_of);
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, good_for(reply.fresh, sharing));
    Ok((answer, reply.fresh))
}

/// How long caches may keep an answer, counted like its age since it was so (RFC 9111, section 4.2). One that is old, or
/// a part of which failed, is not kept.
fn good_for(fresh: Option<Fresh>, sharing: Sharing) -> HeaderValue {
    let Some(fresh) = fresh else {
        return HeaderValue::from_static("no-store");
    };
    let left = fresh.until.saturating_duration_since(Instant::now());
    let left = i64::try_from(left.as_millis()).unwrap_or_default();
    let seconds = ((time::now() - fresh.as_of).max(0) + left) / 1000;
    let said = match sharing {
        Sharing::Anybody => format!("public, max-age={seconds}"),
        Sharing::WhoAsked => format!("private, max-age={seconds}"),
    };
    HeaderValue::try_from(said).unwrap_or_else(|_| HeaderValue::from_static("no-store"))
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
