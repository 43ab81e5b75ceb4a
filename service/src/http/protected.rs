//! What the service says of itself as a resource that an authorization server protects (RFC 9728), and to who comes
//! without what lets in (RFC 6750).

use hyper::header::HeaderValue;
use serde_json::{Value, json};

use crate::tokens::{Refused, Trust};

/// Where a protected resource describes itself.
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The resource, as clients are told of it.
#[derive(Debug)]
pub struct Protected {
    /// The address that the routes are under.
    base: String,
    /// That address's own path, which some clients put behind the well-known one.
    prefix: String,
    issuer: String,
    scopes: Vec<String>,
}

impl Protected {
    /// The service at this address, for who bears tokens of the issuer.
    pub fn new(base: &str, trust: &Trust) -> Self {
        let path = base.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        Self {
            base: base.to_owned(),
            prefix: path.map_or_else(String::new, |(_, path)| format!("/{path}")),
            issuer: trust.issuer.clone(),
            scopes: trust.scopes.clone(),
        }
    }

    /// The description at this path; none where there is none. Who is configured with MCP's address and who is with the
    /// bare one each find the resource that they asked for.
    pub fn metadata(&self, path: &str) -> Option<Value> {
        let resource = path.strip_prefix(METADATA)?;
        let resource = resource.strip_prefix(&self.prefix).unwrap_or(resource);
        if !resource.is_empty() && resource != "/mcp" {
            return None;
        }
        let mut metadata = json!({
            "resource": format!("{}{resource}", self.base),
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "MCP Crypto API Server",
        });
        if !self.scopes.is_empty() {
            metadata["scopes_supported"] = json!(self.scopes);
        }
        Some(metadata)
    }

    /// What is said to who asked for this path and does not come in: why, when a token was given, and where to learn
    /// who gives one.
    pub fn challenge(&self, path: &str, why: Option<&Refused>) -> HeaderValue {
        let resource = if path == "/mcp" { path } else { "" };
        let mut parts = match why {
            Some(Refused::Invalid(cause)) => {
                vec![
                    "error=\"invalid_token\"".to_owned(),
                    format!("error_description=\"{cause}\""),
                ]
            }
            Some(Refused::Scope) => vec!["error=\"insufficient_scope\"".to_owned()],
            Some(Refused::Unknown(_)) | None => Vec::new(),
        };
        if !self.scopes.is_empty() {
            parts.push(format!("scope=\"{}\"", self.scopes.join(" ")));
        }
        parts.push(format!("resource_metadata=\"{}{METADATA}{resource}\"", self.base));
        let challenge = format!("Bearer {}", parts.join(", "));
        HeaderValue::try_from(challenge).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected(base: &str, scopes: &[&str]) -> Protected {
        let trust = Trust {
            issuer: "https://id.example.com".into(),
            audiences: Vec::new(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            keys: None,
        };
        Protected::new(base, &trust)
    }

    #[test]
    fn each_address_describes_the_resource_that_it_is_of() {
        let resource = |base: &str, path: &str| {
            let metadata = protected(base, &[]).metadata(path)?;
            metadata["resource"].as_str().map(str::to_owned)
        };
        let at = |path: &str| {
            resource(
                "https://api.example.com",
                &format!("/.well-known/oauth-protected-resource{path}"),
            )
        };
        assert_eq!(at("").as_deref(), Some("https://api.example.com"));
        assert_eq!(at("/mcp").as_deref(), Some("https://api.example.com/mcp"));
        assert_eq!((at("/other"), at("mcp")), (None, None));
        let under = |path: &str| {
            resource(
                "https://example.com/crypto",
                &format!("/.well-known/oauth-protected-resource{path}"),
            )
        };
        for path in ["/mcp", "/crypto/mcp"] {
            assert_eq!(
                under(path).as_deref(),
                Some("https://example.com/crypto/mcp"),
                "{path}"
            );
        }
        assert_eq!(under("/crypto").as_deref(), Some("https://example.com/crypto"));
    }

    #[test]
    fn who_is_refused_learns_why_and_where_to_go() {
        let some = protected("https://api.example.com", &["read:prices", "read:books"]);
        let place = "resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource";
        assert_eq!(
            some.challenge("/mcp", None),
            format!("Bearer scope=\"read:prices read:books\", {place}/mcp\"")
        );
        assert_eq!(
            some.challenge("/binance/klines", Some(&Refused::Scope)),
            format!("Bearer error=\"insufficient_scope\", scope=\"read:prices read:books\", {place}\"")
        );
        assert_eq!(
            protected("https://api.example.com", &[])
                .challenge("/", Some(&Refused::Invalid("the token has expired"))),
            format!("Bearer error=\"invalid_token\", error_description=\"the token has expired\", {place}\"")
        );
    }
}
