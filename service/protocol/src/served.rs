//! The protocol over HTTP, without sessions, and over standard input and output.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use rmcp::ServiceExt;
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::Offer;
use crate::fixtures::Offered;
use crate::handler::Handler;

/// The versions that are spoken.
pub fn versions() -> impl Iterator<Item = &'static str> {
    ProtocolVersion::KNOWN_VERSIONS
        .iter()
        .map(ProtocolVersion::as_str)
}

/// What comes later. Behind a pointer, for it to be compiled here: what an `async fn` does is compiled by who waits for it.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The protocol over HTTP.
pub struct Service(StreamableHttpService<Offered, NeverSessionManager>);

impl Service {
    /// Serves what is offered, and the conformance suite's fixtures beside it when told to. Without sessions, so that any
    /// instance answers any request. Host and Origin are checked by who asks.
    pub fn new(offer: Arc<dyn Offer>, fixtures: bool, longest_body: usize) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(longest_body)
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let offered = Offered::new(Handler::new(offer), fixtures);
        let factory = move || Ok(offered.clone());
        Self(StreamableHttpService::new(
            factory,
            NeverSessionManager::default().into(),
            config,
        ))
    }

    /// Answers a message, all at once: no tool has anything to say before its answer.
    pub fn answer(&self, request: Request<Full<Bytes>>) -> Later<'_, Response<Bytes>> {
        Box::pin(async move {
            let (parts, body) = self.0.handle(request).await.into_parts();
            let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
            Response::from_parts(parts, body)
        })
    }
}

/// Why the client on standard input was not served to its end.
#[derive(Debug)]
pub struct StdioError(String);

impl std::fmt::Display for StdioError {
    fn fmt(&self, target: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        target.write_str(&self.0)
    }
}

impl std::error::Error for StdioError {}

/// Serves standard input and output until the client goes.
///
/// # Errors
/// When the client does not speak the protocol.
pub fn stdio(offer: Arc<dyn Offer>) -> Later<'static, Result<(), StdioError>> {
    Box::pin(async move {
        let handler = Offered::new(Handler::new(offer), false);
        let serving = handler.serve(rmcp::transport::stdio_pipes()).await;
        let serving = serving.map_err(|error| StdioError(error.to_string()))?;
        let ended = serving.waiting().await;
        ended.map(|_| ()).map_err(|error| StdioError(error.to_string()))
    })
}
