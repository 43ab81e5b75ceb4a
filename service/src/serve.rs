//! Listens, serves, and on SIGTERM, SIGINT or SIGHUP finishes what it has begun.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use socket2::{Domain, Protocol, SockFilter, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::Config;
use crate::connection::{Connections, Watched};
use crate::http::{App, network};
use crate::log;
use crate::mcp::Models;
use crate::metrics::Metrics;
use crate::tool::Described;
use crate::tools;
use crate::upstream::Market;

/// How long what we send may stay unacknowledged: who does not read is cut off.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// How long connections that are open at SIGTERM may still begin a request.
const LAST_QUESTIONS: Duration = Duration::from_millis(250);
/// How long clients have to take the answers that say that there was no time for theirs.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How long a handshake that has begun may take until the socket is closed.
const HANDSHAKE: Duration = Duration::from_millis(100);
/// More connections wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// A request's head; that it has a hundred headers at most is hyper's own limit, and any other would be set up anew for
/// each request.
const HEAD_LIMIT: usize = 32 * 1024;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The process cannot wait for signals.
    #[error("cannot wait for SIGTERM: {0}")]
    Signal(std::io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up the client for the sources and the authorization server: {0}")]
    Client(#[from] reqwest::Error),
    /// Two metrics have one name.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Requests were cut at the end.
    #[error("{0} requests were not answered within DRAIN_SECONDS")]
    Unanswered(usize),
    /// The client on standard input does not speak MCP.
    #[error("the client on standard input does not speak MCP: {0}")]
    Stdio(#[from] mcp_crypto_protocol::StdioError),
}

/// The service until its end. Behind a pointer, for it to be compiled here: what an `async fn` does is compiled by who
/// waits for it, and the program would compile all of the service once more.
pub type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), ServeError>> + 'a>>;

type Parts = (Arc<[Described]>, Arc<Market>, Arc<Metrics>);

fn parts(config: &Config) -> Result<Parts, ServeError> {
    let metrics = Arc::new(Metrics::new()?);
    let market = Market::new(&config.setup, config.lifetimes, Arc::clone(&metrics))?;
    Ok((tools::all().into(), Arc::new(market), metrics))
}

/// Serves MCP on standard input and output until the client goes.
///
/// # Errors
/// When it cannot begin to.
pub fn stdio(config: &Config) -> Serving<'_> {
    Box::pin(serve_stdio(config))
}

async fn serve_stdio(config: &Config) -> Result<(), ServeError> {
    log::start(true);
    let (tools, market, metrics) = parts(config)?;
    let models = Models::new(&tools, &config.offer, market, metrics);
    mcp_crypto_protocol::stdio(Arc::new(models)).await?;
    Ok(())
}

/// What every connection needs.
struct Server {
    app: Arc<App>,
    connections: Arc<Connections>,
    places: Arc<Semaphore>,
}

/// Serves HTTP until SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// When it cannot begin to, and when it ends with requests unanswered.
pub fn http(config: &Config) -> Serving<'_> {
    Box::pin(serve_http(config))
}

async fn serve_http(config: &Config) -> Result<(), ServeError> {
    log::start(false);
    let (tools, market, metrics) = parts(config)?;
    let server = Server {
        app: Arc::new(App::new(config, tools, market, metrics)?),
        connections: Arc::new(Connections::new(config.keep_alive)),
        places: Arc::new(Semaphore::new(CONNECTIONS)),
    };
    let address = config.listen;
    let listener = listen(address).map_err(|cause| ServeError::Listen { address, cause })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(ServeError::Signal)?;
    log::event("listening", &json!({ "address": address.to_string() }));
    let graceful = GracefulShutdown::new();
    tokio::select! {
        never = server.accept(&listener, &graceful) => match never {},
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    let unanswered = server.drain(listener, graceful, config.drain).await;
    log::event("stopped", &json!({ "unanswered": unanswered }));
    // The writer of the log is a thread of its own; what is queued is written within this.
    tokio::time::sleep(Duration::from_millis(20)).await;
    if unanswered > 0 {
        return Err(ServeError::Unanswered(unanswered));
    }
    Ok(())
}

impl Server {
    async fn accept(&self, listener: &TcpListener, graceful: &GracefulShutdown) -> Infallible {
        loop {
            // The semaphore is never closed.
            let place = Arc::clone(&self.places).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = self.connection(stream, peer, graceful);
                    tokio::spawn(async move {
                        let _place = place;
                        connection.await;
                    });
                }
                // Out of descriptors: the next attempt would fail at once as well.
                Err(error) if error.raw_os_error().is_some_and(|code| code == 23 || code == 24) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                // A connection that broke before it was taken is its client's affair.
                Err(_) => {}
            }
        }
    }

    /// Finishes what is begun within a limit: how many requests were not answered.
    async fn drain(&self, listener: TcpListener, begun: GracefulShutdown, limit: Duration) -> usize {
        self.app.ending().drain();
        log::event("draining", &json!({}));
        let end = Instant::now() + limit;
        // Whoever asks meanwhile is served, and who asks whether to come learns that it should not: a port that is
        // closed says that to nobody. What comes late has some time left as well.
        let late = GracefulShutdown::new();
        let closing = end - (limit / 4).min(Duration::from_secs(1));
        let mut finishing = pin!(async {
            // A connection that has just been opened is about to ask; answers now close theirs.
            tokio::time::sleep(LAST_QUESTIONS).await;
            begun.shutdown().await;
        });
        let finished = tokio::select! {
            never = self.accept(&listener, &late) => match never {},
            () = &mut finishing => true,
            () = tokio::time::sleep_until(closing) => false,
        };
        // A successor's socket takes who comes from here on; handshakes that have begun get done with ours.
        if turn_away(&listener).is_ok() {
            tokio::select! {
                never = self.accept(&listener, &late) => match never {},
                () = tokio::time::sleep(HANDSHAKE) => {}
            }
        }
        // What the kernel has already taken for us is served: closing the socket would reset it. The socket is
        // asked itself, since the runtime may not have heard of it yet.
        if let Ok(listener) = listener.into_std() {
            while let Ok((stream, peer)) = listener.accept() {
                if stream.set_nonblocking(true).is_ok()
                    && let Ok(stream) = TcpStream::from_std(stream)
                {
                    tokio::spawn(self.connection(stream, peer, &late));
                }
            }
        }
        let mut all = pin!(async {
            if !finished {
                finishing.await;
            }
            tokio::time::sleep(LAST_QUESTIONS).await;
            late.shutdown().await;
        });
        if tokio::time::timeout_at(end, &mut all).await.is_ok() {
            return 0;
        }
        self.app.ending().cut();
        let left = match tokio::time::timeout(LAST_ANSWERS, &mut all).await {
            Ok(()) => 0,
            Err(_) => self.connections.unfinished(),
        };
        self.app.ending().unanswered() + left
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + use<> {
        // A socket without these still serves.
        let _ = stream.set_nodelay(true);
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_tcp_user_timeout(Some(SEND_PATIENCE));
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)));
        let app = Arc::clone(&self.app);
        let connections = Arc::clone(&self.connections);
        let connection = connections.add(network(peer.ip().to_canonical()));
        let watched = Watched::new(stream, Arc::clone(&connection));
        let asked = Arc::clone(&connection);
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, connection) = (Arc::clone(&app), Arc::clone(&asked));
            async move {
                connection.asked();
                if app.is_proxys(request.headers()) {
                    connection.is_of_proxy();
                }
                let answer = app.answer(request, peer.ip()).await;
                connection.answered();
                Ok::<_, Infallible>(answer)
            }
        });
        let serving = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(watched), service);
        let serving = graceful.watch(serving);
        async move {
            // Broken and slow clients end here; there is nobody left to tell.
            tokio::select! {
                biased;
                _ = serving => {}
                () = connections.given_up(&connection) => {}
            }
            connections.remove(&connection);
        }
    }
}

/// Lets a socket take no new connection. A client whose first packet is passed over sends it again after a second
/// (RFC 6298, section 2), and by then a successor's socket is the only one at the port; what would be in the queue of a
/// socket that is closed is reset.
fn turn_away(listener: &TcpListener) -> std::io::Result<()> {
    // Classic BPF over the TCP header: drop what has SYN among its flags (RFC 9293, section 3.1), pass the rest.
    let instruction = SockFilter::new;
    let filter = [
        instruction(0x30, 0, 0, 13),
        instruction(0x45, 0, 1, 0x02),
        instruction(0x06, 0, 0, 0),
        instruction(0x06, 0, 0, u32::MAX),
    ];
    socket2::SockRef::from(listener).attach_filter(&filter)
}

/// A socket that a successor can share: it listens before we stop, and no connection is refused between.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}
