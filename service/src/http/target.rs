//! What a request is for: MCP, a tool's route, or what the service says of itself.

use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::{Answer, body, mcp};
use crate::tool::Described;

/// What others than this service define: keys and tokens are looked for here, by clients that have none yet.
pub const WELL_KNOWN: &str = "/.well-known/";

/// What a request is for.
pub struct Target<'a> {
    pub path: &'a str,
    pub is_mcp: bool,
    pub tool: Option<&'a Described>,
    /// Its name in the metrics.
    pub route: &'static str,
}

impl<'a> Target<'a> {
    /// What a request is for.
    pub fn of(parts: &'a Parts, tools: &'a [Described]) -> Self {
        let path = without_odd_slashes(parts.uri.path());
        let is_mcp = path == "/mcp" || (path == "/" && speaks_mcp(parts));
        let tool = tools.iter().find(|tool| tool.route == path);
        let route = match tool {
            _ if is_mcp => "/mcp",
            Some(tool) => tool.route,
            None => own(path),
        };
        Self {
            path,
            is_mcp,
            tool,
            route,
        }
    }

    /// An error, as who asks for this reads it.
    pub fn error(&self, status: StatusCode, code: i64, cause: &str) -> Answer {
        if self.is_mcp {
            mcp::refusal(status, code, cause, &Value::Null)
        } else {
            body::error(status, cause)
        }
    }
}

/// Whether a request for the bare address is one of MCP. It is unless it is a browser's or a program's GET: clients
/// that are configured with the bare address GET a stream of events, which there is none of, and poll when they get
/// anything else than 405.
fn speaks_mcp(parts: &Parts) -> bool {
    let said = |name| parts.headers.get(name).map(HeaderValue::as_bytes);
    // A browser that asks before it sends names the method that it is about.
    let method = match parts.method {
        Method::OPTIONS => said(header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(b"GET"),
        ref method => method.as_str().as_bytes(),
    };
    if method != b"GET" && method != b"HEAD" {
        return true;
    }
    let accepts = |media: &str| {
        let values = parts.headers.get_all(header::ACCEPT).iter();
        let mut values = values.filter_map(|value| value.to_str().ok());
        values.any(|value| value.to_ascii_lowercase().contains(media))
    };
    accepts("text/event-stream") && !accepts("text/html")
}

/// The path without the slashes that joining addresses leaves at its ends: `/mcp/` and `//mcp` are `/mcp`.
fn without_odd_slashes(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let begins = path.find(|c| c != '/').unwrap_or_default();
    match begins.checked_sub(1) {
        Some(slash) => &path[slash..],
        None => "/",
    }
}

/// The path when it is one of ours: strangers' paths would fill the metrics.
fn own(path: &str) -> &'static str {
    if path.starts_with(WELL_KNOWN) {
        return WELL_KNOWN;
    }
    const OWN: [&str; 5] = ["/", "/health", "/ready", "/metrics", "/openapi.json"];
    OWN.into_iter().find(|own| *own == path).unwrap_or("other")
}
