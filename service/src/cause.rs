//! Why a request to another server had no answer.

/// The innermost cause: "connection refused" rather than "error sending request". The URL stays out of messages: it
/// says nothing to who asked.
pub fn root_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "it takes too long".into();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
