//! What a playbook names by a URL, fetched by this machine.

use super::download::{MIB, download};
use crate::change::Content;

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

/// What stands at `url`, a file of keys.
///
/// # Errors
/// Why it cannot be had.
pub(super) async fn fetch(url: &str) -> Result<Content, FetchError> {
    let fetched = download(url, MIB, &mut |_, _| {}).await;
    let bytes = fetched.map_err(|cause| FetchError {
        url: url.to_owned(),
        cause,
    })?;
    Ok(Content::new(bytes, false))
}
