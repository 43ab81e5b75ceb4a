//! A source on this machine: recorded answers, and every way to misbehave.

use std::collections::HashMap;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mcp_crypto_api::upstream::{Source, recorded};
use tokio::net::TcpListener;

/// How the source behaves.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// As recorded.
    Good,
    /// As recorded, after this long.
    Slow(Duration),
    /// 200 with a page of HTML.
    Garbage,
    /// This status, with a Retry-After of this many seconds.
    Status(u16, Option<u64>),
    /// As recorded, and so much weight is said to be used.
    Heavy(u32),
    /// 200 with this.
    Answer(&'static str),
    /// This status, with this as its Retry-After.
    Says(u16, &'static str),
    /// Sent on to another source.
    Elsewhere(SocketAddr),
    /// The connection ends in the middle of the answer.
    Gone,
}

/// A source on this machine.
#[derive(Clone)]
pub struct Local {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    manner: Manner,
    hits: HashMap<String, usize>,
    questions: HashMap<String, usize>,
    keyed: bool,
}

impl Local {
    /// Listens and behaves.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let local = Self {
            address: listener.local_addr().expect("an address"),
            state: Arc::new(Mutex::new(State {
                manner: Manner::Good,
                hits: HashMap::new(),
                questions: HashMap::new(),
                keyed: false,
            })),
        };
        let accepting = local.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let local = accepting.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let local = local.clone();
                        async move { local.answer(request).await }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        local
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        self.state.lock().expect("no panic").manner = manner;
    }

    /// How often this path was asked for.
    pub fn hits(&self, path: &str) -> usize {
        let state = self.state.lock().expect("no panic");
        state.hits.get(path).copied().unwrap_or_default()
    }

    /// The questions, with all they ask for, that came since this was last asked; and how often.
    pub fn questions(&self) -> HashMap<String, usize> {
        std::mem::take(&mut self.state.lock().expect("no panic").questions)
    }

    /// Whether a key ever came.
    pub fn saw_a_key(&self) -> bool {
        self.state.lock().expect("no panic").keyed
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        let manner = {
            let mut state = self.state.lock().expect("no panic");
            *state.hits.entry(path.clone()).or_default() += 1;
            *state.questions.entry(request.uri().to_string()).or_default() += 1;
            state.keyed |= request.headers().contains_key("x-cg-demo-api-key");
            state.manner
        };
        let answer = Response::builder();
        let empty = || {
            Full::new(Bytes::from_static(
                b"{\"code\":-1003,\"msg\":\"Too many requests.\"}",
            ))
        };
        let mut weight = 2;
        match manner {
            Manner::Good => {}
            Manner::Slow(pause) => tokio::time::sleep(pause).await,
            Manner::Heavy(used) => weight = used,
            Manner::Garbage => {
                let page = Full::new(Bytes::from_static(b"<html>maintenance</html>"));
                return Ok(answer.body(page).expect("an answer"));
            }
            Manner::Status(status, retry) => {
                let answer = answer.status(status);
                let answer = match retry {
                    Some(seconds) => answer.header("retry-after", seconds),
                    None => answer,
                };
                return Ok(answer.body(empty()).expect("an answer"));
            }
            Manner::Answer(text) => {
                return Ok(answer
                    .body(Full::new(Bytes::from_static(text.as_bytes())))
                    .expect("an answer"));
            }
            Manner::Says(status, retry) => {
                let answer = answer.status(status).header("retry-after", retry);
                return Ok(answer.body(empty()).expect("an answer"));
            }
            Manner::Elsewhere(address) => {
                let answer = answer
                    .status(302)
                    .header("location", format!("http://{address}{}", request.uri()));
                return Ok(answer.body(empty()).expect("an answer"));
            }
            Manner::Gone => return Err(std::io::Error::other("gone")),
        }
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let query: Vec<(&str, String)> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let source = match path.as_str() {
            path if path.starts_with("/api/") => Source::Spot,
            path if path.starts_with("/fapi/") || path.starts_with("/futures/") => Source::Futures,
            _ => Source::CoinGecko,
        };
        let answer = answer.header("x-mbx-used-weight-1m", weight);
        let answer = match recorded(source, &path, &query) {
            Ok(body) => answer.body(Full::new(body.into())),
            Err(_) if source == Source::CoinGecko => answer
                .status(404)
                .body(Full::new(Bytes::from_static(b"{\"error\":\"coin not found\"}"))),
            Err(_) => answer.status(400).body(Full::new(Bytes::from_static(
                b"{\"code\":-1121,\"msg\":\"Invalid symbol.\"}",
            ))),
        };
        Ok(answer.expect("an answer"))
    }
}

/// Nobody answers here.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
