//! A connection to a host: made, used for commands, closed.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::auth;
use super::command::Script;
use super::config::{self, Resolved};
use super::error::SshError;
use super::exec::{Exec, Output};
use super::first_line::{FirstLine, Remembering};
use super::host_keys::HostKeys;
use super::keys;
use super::login::Login;
use super::options::Options;
use crate::host::target::Target;

/// Long enough for a person to confirm to the agent that it may sign.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// What sshd says instead of its version (sshd.c, `drop_connection`).
const TURNS_AWAY: [&str; 2] = ["Not allowed at this time", "Exceeded MaxStartups"];
/// A write that the other side does not take for this long ends the connection; keepalives only watch
/// the reading end.
const STALLED: Duration = Duration::from_secs(120);
/// A window that a fast line with 100 ms of delay does not exhaust.
const WINDOW: u32 = 16 * 1024 * 1024;
/// OpenSSH allows 10 sessions a connection (sshd_config(5), MaxSessions); two are left for others.
const SESSIONS: usize = 8;

/// A connection to a host, logged in. Dropping it ends it.
pub struct Connection {
    handle: Handle<Client>,
    login: Arc<Login>,
    address: SocketAddr,
    sessions: Arc<Semaphore>,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// Any [`SshError`] but those of commands.
    pub async fn open(target: &Target, options: &Options) -> Result<Connection, SshError> {
        let host = Target {
            user: None,
            ..target.clone()
        }
        .to_string();
        let resolved = config::resolve(target, options).await?;
        let host_keys = HostKeys::load(&host, &resolved)?;
        let keys = keys::find(&host, &resolved, options).await?;
        let stream = connect(&host, &resolved).await?;
        let address = stream
            .peer_addr()
            .map_err(|error| failed(&host, &at(&resolved), &error))?;
        let goodbye = Arc::new(OnceLock::new());
        let client = Client {
            host_keys,
            goodbye: Arc::clone(&goodbye),
        };
        let mut handle = shake_hands(stream, &host, &resolved, address, client).await?;
        timeout(
            LOGIN_TIMEOUT,
            auth::log_in(&mut handle, &host, &resolved.user, keys, &goodbye),
        )
        .await
        .map_err(|_| late(&host, &address.to_string(), LOGIN_TIMEOUT))??;
        let login = Arc::new(Login {
            host,
            user: resolved.user,
        });
        Ok(Connection {
            handle,
            login,
            address,
            sessions: Arc::new(Semaphore::new(SESSIONS)),
        })
    }

    /// The host as the person named it, for messages.
    pub fn host(&self) -> &str {
        &self.login.host
    }

    /// The remote user. Commands run as root all the same.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// The address and port that were reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a script as root (through sudo if the remote user is another). Several may run at once; from the
    /// ninth on they wait for their turn.
    ///
    /// # Errors
    /// [`SshError::Lost`] if the connection is gone, [`SshError::Session`] if the host allows no more
    /// sessions. All else comes from [`Exec::next`].
    pub async fn exec(&self, script: Script) -> Result<Exec, SshError> {
        let lost = || SshError::Lost {
            host: self.host().to_owned(),
        };
        let refused = |cause: String| SshError::Session {
            host: self.host().to_owned(),
            cause,
        };
        let sent = script
            .sent(self.login.is_root())
            .map_err(|error| refused(error.to_string()))?;
        let permit = Arc::clone(&self.sessions)
            .acquire_owned()
            .await
            .map_err(|_| lost())?;
        let channel = self
            .handle
            .channel_open_session()
            .await
            .map_err(|error| match error {
                russh::Error::ChannelOpenFailure(_) => {
                    refused("it allows no more sessions on this connection".to_owned())
                }
                _ => lost(),
            })?;
        Ok(Exec::start(channel, sent, Arc::clone(&self.login), permit))
    }

    /// Runs a script to its end and collects what it wrote.
    ///
    /// # Errors
    /// Those of [`Connection::exec`] and [`Exec::next`]. A status other than 0 is none.
    pub async fn output(&self, script: Script) -> Result<Output, SshError> {
        self.exec(script).await?.output().await
    }

    /// Says goodbye. Commands that still run are cut off.
    pub async fn close(self) {
        let goodbye = async {
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            // Until the goodbye is on the wire.
            let _ = self.handle.await;
        };
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}

/// Reaches the first address of the host that answers.
async fn connect(host: &str, resolved: &Resolved) -> Result<TcpStream, SshError> {
    let name = resolved.host_name.as_str();
    let limit = resolved.connect_timeout;
    let unresolved = |cause| SshError::Resolve {
        name: name.to_owned(),
        cause,
    };
    let addresses = timeout(limit, lookup_host((name, resolved.port)))
        .await
        .map_err(|_| unresolved("the name server did not answer".to_owned()))?
        .map_err(|error| unresolved(error.to_string()))?;
    let mut last = unresolved("it has no address".to_owned());
    for address in addresses.filter(|address| resolved.family.has(address)) {
        let at = address.to_string();
        last = match timeout(limit, reach(address, resolved.from)).await {
            Ok(Ok(stream)) => {
                // The connection also works, slower, if this cannot be set.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => failed(host, &at, &error),
            Err(_) => late(host, &at, limit),
        };
    }
    Err(last)
}

async fn reach(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(address).await;
    };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(address).await
}

/// Agrees on a session with the host and checks its key.
async fn shake_hands(
    stream: TcpStream,
    host: &str,
    resolved: &Resolved,
    address: SocketAddr,
    client: Client,
) -> Result<Handle<Client>, SshError> {
    let config = client::Config {
        window_size: WINDOW,
        keepalive_interval: Some(resolved.keepalive),
        keepalive_max: resolved.keepalives,
        inactivity_timeout: Some(STALLED),
        preferred: Preferred {
            key: client.host_keys.preferred(),
            ..Preferred::DEFAULT
        },
        nodelay: true,
        ..client::Config::default()
    };
    let first = FirstLine::default();
    let stream = Remembering {
        stream,
        first: first.clone(),
    };
    let address = address.to_string();
    let handshake = client::connect_stream(Arc::new(config), stream, client);
    let host = host.to_owned();
    match (timeout(resolved.connect_timeout, handshake).await, first.text()) {
        (Ok(Ok(handle)), _) => Ok(handle),
        (Ok(Err(Refusal::HostKey(error))), _) => Err(error),
        (_, Some(said)) if TURNS_AWAY.contains(&said.as_str()) => {
            Err(SshError::TurnedAway { host, address, said })
        }
        (_, Some(said)) if !said.starts_with("SSH-") => Err(SshError::NotSsh { host, address, said }),
        (Err(_), _) => Err(late(&host, &address, resolved.connect_timeout)),
        (Ok(Err(Refusal::Protocol(_))), None) => Err(SshError::Closed { host, address }),
        (Ok(Err(Refusal::Protocol(error))), Some(_)) => Err(SshError::Handshake {
            host,
            cause: error.to_string(),
        }),
    }
}

fn at(resolved: &Resolved) -> String {
    format!("{} port {}", resolved.host_name, resolved.port)
}

fn failed(host: &str, address: &str, error: &io::Error) -> SshError {
    let (host, address) = (host.to_owned(), address.to_owned());
    match error.kind() {
        ErrorKind::ConnectionRefused => SshError::Refused { host, address },
        _ => SshError::Connect {
            host,
            address,
            cause: error.to_string(),
        },
    }
}

fn late(host: &str, address: &str, limit: Duration) -> SshError {
    SshError::Timeout {
        host: host.to_owned(),
        address: address.to_owned(),
        seconds: limit.as_secs(),
    }
}

/// Our side of the protocol: it decides whether the host's key is trusted, and listens for a goodbye.
struct Client {
    host_keys: HostKeys,
    /// What the host said when it ended the connection.
    goodbye: Arc<OnceLock<String>>,
}

/// Why a handshake ended.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    HostKey(SshError),
    #[error(transparent)]
    Protocol(#[from] russh::Error),
}

impl client::Handler for Client {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        // Certificates are not asked for, so none is shown.
        self.host_keys
            .check(&shown.public_key())
            .map(|()| true)
            .map_err(Refusal::HostKey)
    }

    /// sshd announces its keys right after the login and, as it leaves Nagle's algorithm on until the first
    /// command, holds back its next packet until we acknowledge that. Any answer does so at once, where the
    /// kernel would take 40 ms.
    async fn openssh_ext_host_keys_announced(
        &mut self,
        _: Vec<PublicKey>,
        session: &mut Session,
    ) -> Result<(), Refusal> {
        Ok(session.send_keepalive(true)?)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Refusal>) -> Result<(), Refusal> {
        match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                let _ = self.goodbye.set(said.message);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
