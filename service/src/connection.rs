//! Connections: how long one may lie idle or take to send a request's head, and how many idle ones a client may keep.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How long a client may take to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at whether a connection has had its time.
const TICK: Duration = Duration::from_secs(2);
/// So many connections of one client may be open without a request; the one that has been for the longest goes first.
const IDLE: usize = 64;
/// How long one beyond those has: who opens many at once is about to ask.
const CROWDED_PATIENCE: Duration = Duration::from_secs(1);

/// All open connections, by the client that they are counted for.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<HashMap<IpAddr, Vec<Arc<Connection>>>>,
    keep_alive: Duration,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    client: IpAddr,
    opened: Instant,
    /// The phase in the lowest bits, above it the milliseconds from `opened` to when it began.
    state: AtomicU64,
    /// A proxy keeps many connections, for many clients.
    is_proxys: AtomicBool,
    /// It is one too many unless it is asked something.
    is_crowded: AtomicBool,
    crowded: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is asked.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// A request is being answered.
    Asked,
}

impl Connections {
    /// None yet; one may lie idle for this long.
    pub fn new(keep_alive: Duration) -> Self {
        Self {
            open: Mutex::default(),
            keep_alive,
        }
    }

    /// One more of this client's. When it has too many without a request, the oldest of those have little time left.
    pub fn add(&self, client: IpAddr) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            client,
            opened: Instant::now(),
            state: AtomicU64::new(0),
            is_proxys: AtomicBool::new(false),
            is_crowded: AtomicBool::new(false),
            crowded: Notify::new(),
        });
        let mut open = self.lock();
        let of_client = open.entry(client).or_default();
        of_client.push(Arc::clone(&connection));
        if of_client.len() > IDLE {
            let unasked = |one: &&Arc<Connection>| {
                one.state().0 != Phase::Asked && !one.is_proxys.load(Ordering::Relaxed)
            };
            let mut unasked: Vec<_> = of_client.iter().filter(unasked).collect();
            unasked.sort_by_key(|one| one.state().1);
            for one in &unasked[..unasked.len().saturating_sub(IDLE)] {
                one.is_crowded.store(true, Ordering::Relaxed);
                one.crowded.notify_one();
            }
        }
        connection
    }

    /// The connection is closed.
    pub fn remove(&self, connection: &Arc<Connection>) {
        let mut open = self.lock();
        if let Some(of_client) = open.get_mut(&connection.client) {
            of_client.retain(|one| !Arc::ptr_eq(one, connection));
            if of_client.is_empty() {
                open.remove(&connection.client);
            }
        }
    }

    /// How many are open beyond those that have not sent all of a head.
    pub fn unfinished(&self) -> usize {
        let open = self.lock();
        let all = open.values().flatten();
        all.filter(|one| one.state().0 != Phase::Head).count()
    }

    /// Waits until the connection has had its time, or is one too many.
    pub async fn given_up(&self, connection: &Connection) {
        loop {
            let (phase, since) = connection.state();
            let patience = match phase {
                Phase::Idle | Phase::Head if connection.is_crowded.load(Ordering::Relaxed) => {
                    CROWDED_PATIENCE
                }
                Phase::Idle => self.keep_alive,
                Phase::Head => HEAD_PATIENCE,
                Phase::Asked => Duration::MAX,
            };
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            // Either way it is looked at again.
            let _ = tokio::time::timeout(left.min(TICK), connection.crowded.notified()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Vec<Arc<Connection>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// A request's head is here.
    pub fn asked(&self) {
        self.is_crowded.store(false, Ordering::Relaxed);
        self.enter(Phase::Asked);
    }

    /// The request has its answer.
    pub fn answered(&self) {
        self.enter(Phase::Idle);
    }

    /// It is a proxy's, whose idle connections are not counted.
    pub fn is_of_proxy(&self) {
        self.is_proxys.store(true, Ordering::Relaxed);
    }

    fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or_default();
        self.state.store(since << 2 | phase as u64, Ordering::Relaxed);
    }

    fn state(&self) -> (Phase, Instant) {
        let state = self.state.load(Ordering::Relaxed);
        let phase = match state & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Asked,
        };
        (phase, self.opened + Duration::from_millis(state >> 2))
    }
}

/// A connection's bytes; what moves is noted.
#[derive(Debug)]
pub struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Watched {
    /// Watches a stream.
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }

    fn wrote(&self, outcome: &Poll<std::io::Result<usize>>) {
        // A long answer is still being sent: the connection is not idle yet.
        if matches!(outcome, Poll::Ready(Ok(_))) && self.connection.state().0 == Phase::Idle {
            self.connection.enter(Phase::Idle);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.connection.state().0 == Phase::Idle {
            self.connection.enter(Phase::Head);
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
