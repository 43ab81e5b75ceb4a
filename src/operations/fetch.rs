//! What a playbook names by a URL, fetched by this machine.

use std::time::Duration;

use crate::change::Content;
use crate::host::http::explain;

/// Why it could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{url} cannot be fetched: {cause}")]
#[diagnostic(help(
    "this machine fetches it, not the host: see whether it opens here, or give a file in its place"
))]
pub struct FetchError {
    url: String,
    cause: String,
}

/// As much as a file of keys may hold.
const MOST: usize = 1024 * 1024;

/// What stands at `url`.
///
/// # Errors
/// Why it cannot be had.
pub(super) async fn fetch(url: &str) -> Result<Content, FetchError> {
    let failed = |cause: String| FetchError {
        url: url.to_owned(),
        cause,
    };
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| failed(explain(error)))?;
    let answer = client.get(url).send().await;
    let mut answer = answer
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| failed(explain(error)))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(explain(error)))? {
        bytes.extend(chunk);
        if bytes.len() > MOST {
            return Err(failed("it is larger than 1 MiB, and a key is not".into()));
        }
    }
    Ok(Content::new(bytes, false))
}
