//! Listens, serves, and on SIGTERM finishes what it has begun.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::routes::answer;
use crate::upstream::Prices;

/// How long open requests may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(8);

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The process cannot wait for signals.
    #[error("cannot wait for SIGTERM: {0}")]
    Signal(std::io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up the client for the exchange: {0}")]
    Client(#[from] reqwest::Error),
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot begin to.
pub async fn serve(config: &Config) -> Result<(), ServeError> {
    let prices = Arc::new(Prices::new(config.upstream.clone())?);
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|cause| ServeError::Listen { address, cause })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    println!(
        "{}",
        serde_json::json!({ "event": "listening", "address": address.to_string() })
    );
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that broke before it was taken is its client's affair.
                let Ok((stream, _)) = accepted else { continue };
                let prices = Arc::clone(&prices);
                let service = service_fn(move |request| {
                    let prices = Arc::clone(&prices);
                    async move { Ok::<_, Infallible>(answer(&prices, &request).await) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    // Broken and slow clients end here; there is nobody left to tell.
                    let _ = connection.await;
                });
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    println!("{}", serde_json::json!({ "event": "stopped" }));
    Ok(())
}
