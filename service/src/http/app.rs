//! One request from its head to its answer: who asks, what for, how it went.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};
use mcp_crypto_protocol::Service;
use serde::Serialize;
use serde_json::{Value, json};

use super::access::{Access, Asker};
use super::body::JSON;
use super::ending::{CUT, Ending};
use super::mcp::Named;
use super::protected::Protected;
use super::rest::Sharing;
use super::target::{Target, WELL_KNOWN};
use super::{Answer, body, docs, mcp, page, rest};
use crate::config::Config;
use crate::finished::Finished;
use crate::log;
use crate::mcp::Models;
use crate::metrics::{Metrics, State};
use crate::tokens::Refused;
use crate::tool::Described;
use crate::upstream::{Market, Standing};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What pages of other sites may read of an answer's head.
const READABLE: &str = "retry-after, www-authenticate, x-request-id, x-source, x-stale-seconds, x-upstream";
/// JSON-RPC's code for what the server refuses.
const REFUSED: i64 = -32600;
/// So many characters of a path are repeated in answers and in the log.
const REPEATED: usize = 256;
/// Everything that requests share.
pub struct App {
    tools: Arc<[Described]>,
    market: Arc<Market>,
    metrics: Arc<Metrics>,
    access: Access,
    protected: Option<Protected>,
    mcp: Service,
    finished: Finished<Answer>,
    index: Bytes,
    page: Bytes,
    openapi: Bytes,
    log_requests: bool,
    ending: Ending,
    /// Request identifiers: a part of this process's own, and a count.
    process: String,
    count: AtomicU64,
}

impl App {
    /// Serves these tools.
    ///
    /// # Errors
    /// When TLS cannot be set up for asking an authorization server.
    pub fn new(
        config: &Config,
        tools: Arc<[Described]>,
        market: Arc<Market>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, reqwest::Error> {
        let access = Access::new(config)?;
        let base = config.base();
        let here = format!("http://{}", config.listen);
        let clients = page::clients(base.unwrap_or(&here), config.proof());
        let openapi = docs::openapi(&tools, base.unwrap_or("/"), config.proof());
        let protected = base.zip(config.trust.as_ref());
        let models = Models::new(&tools, &config.offer, Arc::clone(&market), Arc::clone(&metrics));
        Ok(Self {
            access,
            protected: protected.map(|(base, trust)| Protected::new(base, trust)),
            mcp: Service::new(Arc::new(models), config.fixtures, body::LIMIT),
            finished: Finished::new(),
            index: docs::index(&tools).to_string().into(),
            page: page::page(&tools, &clients).into(),
            openapi: openapi.to_string().into(),
            log_requests: config.log_requests,
            ending: Ending::new(),
            process: format!("{:08x}-", rand::random::<u32>()),
            count: AtomicU64::new(0),
            tools,
            market,
            metrics,
        })
    }

    /// The end of the service.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Whether a request comes by a proxy.
    pub fn is_proxys(&self, headers: &HeaderMap) -> bool {
        self.access.is_proxys(headers)
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: IpAddr) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let began = Instant::now();
        let (parts, incoming) = request.into_parts();
        let id = self.request_id(&parts.headers);
        let mut asker = self.access.asker(&parts.headers, peer);
        let target = Target::of(&parts, &self.tools);
        let mut message = Value::Null;
        let (tool, answer) = tokio::select! {
            biased;
            routed = self.routed(&parts, incoming, &target, &mut asker, &mut message) => routed,
            () = self.ending.is_cut() => (None, cut_off(&target, &message)),
        };
        let mut answer = body::compressed(&parts.headers, answer).await;
        let took = began.elapsed();
        let (method, status) = (method_label(&parts.method), answer.status());
        self.metrics
            .request(method, target.route, status.as_str(), took.as_secs_f64());
        if self.log_requests {
            let seen = Seen {
                id: id.to_str().unwrap_or_default(),
                method,
                path: cut(parts.uri.path()),
                status: status.as_u16(),
                ms: took.as_micros() as f64 / 1000.0,
                client: asker.address,
                key: asker.key.map(|number| number + 1),
                subject: asker.subject.as_deref().map(cut),
                tool: tool.as_deref(),
            };
            log::event("request", &seen);
        }
        let headers = answer.headers_mut();
        headers.insert(REQUEST_ID, id);
        if self.ending.is_draining() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        answer
    }

    /// The tool's name for the log, and the answer.
    async fn routed<B>(
        &self,
        parts: &Parts,
        incoming: B,
        target: &Target<'_>,
        asker: &mut Asker,
        message: &mut Value,
    ) -> (Named, Answer)
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Target {
            path, is_mcp, tool, ..
        } = *target;
        let origin = parts
            .headers
            .get(header::ORIGIN)
            .map(|origin| origin.to_str().unwrap_or("null"));
        let mut named = tool.map(|tool| Cow::Borrowed(tool.name));
        let allowed = !is_mcp || origin.is_none_or(|origin| self.access.allows_origin(origin));
        let mut answer = if !names_its_host(parts) {
            body::error(
                StatusCode::BAD_REQUEST,
                "a request of HTTP/1.1 has one Host header",
            )
        } else if parts.method == Method::OPTIONS {
            preflight()
        } else if let Some(refusal) = self.refused(parts, target, allowed, asker).await {
            refusal
        } else if is_mcp {
            let (called, answer) = mcp::answer(&self.mcp, &self.tools, parts, incoming, message).await;
            named = called;
            answer
        } else if parts.method != Method::GET && parts.method != Method::HEAD {
            let mut answer = body::error(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
            let methods = HeaderValue::from_static("GET, HEAD, OPTIONS");
            answer.headers_mut().insert(header::ALLOW, methods);
            answer
        } else {
            match tool {
                Some(tool) => {
                    let sharing = if self.access.is_open() {
                        Sharing::Anybody
                    } else {
                        Sharing::WhoAsked
                    };
                    rest::answer(tool, &parts.uri, &self.market, &self.finished, sharing).await
                }
                None => self.get(parts, path),
            }
        };
        if allowed {
            // The data is public and no cookie is read: any page may have it.
            let any = HeaderValue::from_static("*");
            answer
                .headers_mut()
                .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
            if origin.is_some() {
                let readable = HeaderValue::from_static(READABLE);
                answer
                    .headers_mut()
                    .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
            }
        }
        (named, answer)
    }

    fn get(&self, parts: &Parts, path: &str) -> Answer {
        match path {
            "/" => self.front(&parts.headers),
            "/openapi.json" => body::kept(body::answer(StatusCode::OK, JSON, self.openapi.clone())),
            "/health" => body::passing(body::answer(
                StatusCode::OK,
                JSON,
                r#"{"status":"ok","service":"MCP Crypto API"}"#,
            )),
            "/ready" => body::passing(self.ready()),
            "/metrics" => match self.metrics.text(self.states()) {
                Ok(text) => body::passing(body::answer(StatusCode::OK, "text/plain; version=0.0.4", text)),
                Err(error) => body::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            path => match self
                .protected
                .as_ref()
                .and_then(|protected| protected.metadata(path))
            {
                Some(metadata) => body::kept(body::json(StatusCode::OK, &metadata)),
                None => body::error(
                    StatusCode::NOT_FOUND,
                    &format!("there is no {} here; / lists what there is", cut(path)),
                ),
            },
        }
    }

    /// How the sources are, for the metrics.
    fn states(&self) -> impl Iterator<Item = State> {
        self.market.states().map(|(source, weight, standing)| State {
            source: source.name(),
            weight,
            is_down: matches!(standing, Standing::Down(..)),
            paused: match standing {
                Standing::Paused(left) => left.as_secs() + 1,
                _ => 0,
            },
        })
    }

    /// A page for browsers, the document's JSON for everyone else.
    fn front(&self, headers: &HeaderMap) -> Answer {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let answer = if accept.is_some_and(|accept| accept.contains("text/html")) {
            body::answer(StatusCode::OK, "text/html; charset=utf-8", self.page.clone())
        } else {
            body::answer(StatusCode::OK, JSON, self.index.clone())
        };
        let mut answer = body::kept(answer);
        let headers = answer.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        let policy = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        answer
    }

    /// Whether requests should come: not while draining. A source that is down does not make the service
    /// unready, since restarting or leaving this instance would not mend it; its state is told.
    fn ready(&self) -> Answer {
        if self.ending.is_draining() {
            let body = json!({ "status": "draining" });
            return body::json(StatusCode::SERVICE_UNAVAILABLE, &body);
        }
        let mut body = json!({ "status": "ready" });
        if self.market.is_recorded() {
            body["upstream"] = "recorded".into();
        }
        for (source, _, standing) in self.market.states() {
            let name = source.name();
            let (state, left) = match standing {
                Standing::Up => ("up", None),
                Standing::Paused(left) => ("paused", Some(left)),
                Standing::Down(cause, left) => {
                    body["causes"][name] = cause.into();
                    ("down", Some(left))
                }
            };
            body["sources"][name] = state.into();
            if let Some(left) = left {
                body["asked_again_in_seconds"][name] = (left.as_secs() + 1).into();
            }
        }
        body::json(StatusCode::OK, &body)
    }

    /// The answer to who may not ask; none for who may.
    async fn refused(
        &self,
        parts: &Parts,
        target: &Target<'_>,
        allowed: bool,
        asker: &mut Asker,
    ) -> Option<Answer> {
        let Target { path, is_mcp, .. } = *target;
        let say = |status, cause: &str| target.error(status, REFUSED, cause);
        if !allowed {
            return Some(say(
                StatusCode::FORBIDDEN,
                "this Origin is not allowed; ALLOWED_ORIGINS lists who is",
            ));
        }
        let host = || parts.headers.get(header::HOST)?.to_str().ok();
        if is_mcp && !self.access.allows_host(host()) {
            return Some(say(
                StatusCode::FORBIDDEN,
                "this Host is not served; ALLOWED_HOSTS lists who is",
            ));
        }
        // Monitors have no key, and are not to be turned away.
        if matches!(path, "/health" | "/ready") {
            return None;
        }
        if !path.starts_with(WELL_KNOWN)
            && let Err(why) = self.access.let_in(&parts.headers, asker).await
        {
            return Some(self.kept_out(target, why.as_ref()));
        }
        let seconds = self.access.count(asker).err()?;
        let cause = format!("too many requests; ask again in {seconds} s");
        Some(body::later(say(StatusCode::TOO_MANY_REQUESTS, &cause), seconds))
    }

    /// The answer to who has neither a key nor a token that lets in.
    fn kept_out(&self, target: &Target<'_>, why: Option<&Refused>) -> Answer {
        let (status, cause) = match why {
            None if self.access.has_keys() => (StatusCode::UNAUTHORIZED, "Invalid API key"),
            None => (StatusCode::UNAUTHORIZED, "an access token is needed"),
            Some(Refused::Invalid(cause)) => (StatusCode::UNAUTHORIZED, *cause),
            Some(Refused::Scope) => (
                StatusCode::FORBIDDEN,
                "the token does not permit this; the scopes that do are in WWW-Authenticate",
            ),
            Some(Refused::Unknown(seconds)) => {
                let cause =
                    "the authorization server does not give its keys, so that no token can be checked";
                return body::later(
                    target.error(StatusCode::SERVICE_UNAVAILABLE, mcp::INTERNAL_ERROR, cause),
                    *seconds,
                );
            }
        };
        let mut answer = body::error(status, cause);
        let challenge = match &self.protected {
            Some(protected) => protected.challenge(target.path, why),
            None => HeaderValue::from_static("Bearer"),
        };
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        answer
    }

    /// The client's own identifier when it is one, else ours.
    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let usable = |id: &&HeaderValue| {
            let id = id.as_bytes();
            (1..=64).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        };
        if let Some(id) = headers.get(REQUEST_ID).filter(usable) {
            return id.clone();
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = [self.process.as_str(), &number.to_string()].concat();
        // Digits and a dash are a header's value.
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

/// The answer to who is not answered before the service ends: over MCP to the message that was read, if one was.
fn cut_off(target: &Target<'_>, message: &Value) -> Answer {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let answer = if target.is_mcp {
        mcp::refusal(status, mcp::INTERNAL_ERROR, CUT, message)
    } else {
        body::error(status, CUT)
    };
    body::later(answer, 1)
}

/// What the log says of a request.
#[derive(Serialize)]
struct Seen<'a> {
    id: &'a str,
    method: &'static str,
    path: &'a str,
    status: u16,
    ms: f64,
    client: IpAddr,
    /// The number of the client's key, counted from 1 as they are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<usize>,
    /// Whom the client's token is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
}

/// As much of a client's text as is repeated in answers and in the log.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(REPEATED).map(|(end, _)| end);
    &text[..end.unwrap_or(text.len())]
}

/// RFC 9112, section 3.2; older clients need not.
fn names_its_host(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let first = hosts.next().is_some() || parts.version < Version::HTTP_11;
    first && hosts.next().is_none()
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn preflight() -> Answer {
    let mut answer = body::answer(StatusCode::NO_CONTENT, JSON, Bytes::new());
    let headers = answer.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, x-api-key, x-request-id",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer
}
