//! The way to a host's sshd: straight, through other hosts, or by a program.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::config::{Proxy, Resolved};
use super::connection::{LoggedIn, log_in};
use super::error::SshError;
use super::options::Options;
use crate::host::target::Target;

/// What carries bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How a host was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its address, if it is known here.
    pub address: Option<IpAddr>,
    port: u16,
    /// Its name on the way, and what the way leads through.
    through: Option<(String, String)>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.through, self.address) {
            (None, Some(address)) => write!(f, "{}", SocketAddr::new(address, self.port)),
            (Some((name, through)), _) => write!(f, "{name}:{} through {through}", self.port),
            (None, None) => write!(f, "port {}", self.port),
        }
    }
}

/// A stream to an sshd.
pub(super) struct Way {
    pub stream: Box<dyn Stream>,
    pub reached: Reached,
    pub behind: Behind,
}

/// What must live as long as the stream.
pub(super) enum Behind {
    Nothing,
    /// The connection to the last host on the way.
    #[allow(dead_code, reason = "dropping it ends it")]
    Hop(Box<LoggedIn>),
    /// The program.
    Command(Carrier),
}

/// A program that carries the bytes.
pub(super) struct Carrier {
    command: String,
    child: Child,
    errors: Option<ChildStderr>,
}

impl Carrier {
    /// Why it leads nowhere, once it has ended.
    pub async fn failure(&mut self, host: &str) -> Option<SshError> {
        let status = timeout(Duration::from_secs(1), self.child.wait())
            .await
            .ok()?
            .ok()?;
        let mut said = String::new();
        if let Some(errors) = &mut self.errors {
            let _ = timeout(
                Duration::from_secs(1),
                errors.take(1000).read_to_string(&mut said),
            )
            .await;
        }
        let said = said.trim().replace('\r', "").replace('\n', "; ");
        let code = status
            .code()
            .map_or("a signal".to_owned(), |code| code.to_string());
        Some(SshError::Proxy {
            host: host.to_owned(),
            command: self.command.clone(),
            said: match said.is_empty() {
                true => format!("ended with {code}"),
                false => format!("ended with {code}: {said}"),
            },
        })
    }
}

/// Goes the way.
pub(super) async fn go(host: &str, resolved: &Resolved, options: &Options) -> Result<Way, SshError> {
    match &resolved.proxy {
        None => straight(host, resolved).await,
        Some(Proxy::Command(command)) => by_program(host, resolved, command),
        Some(Proxy::Jumps(jumps)) => through(host, resolved, jumps, options).await,
    }
}

async fn through(
    host: &str,
    resolved: &Resolved,
    jumps: &[Target],
    options: &Options,
) -> Result<Way, SshError> {
    let Some((last, before)) = jumps.split_last() else {
        return straight(host, resolved).await;
    };
    let hop = last.to_string();
    let cause = |cause: SshError| SshError::Hop {
        host: host.to_owned(),
        hop: hop.clone(),
        cause: Box::new(cause),
    };
    // As ssh does: the hosts before it are those of the list, for the first one those of its own configuration.
    let on_the_way = options.on_the_way();
    let there = Box::pin(log_in(last, &on_the_way, before)).await.map_err(cause)?;
    let (name, port) = (&resolved.host_name, resolved.port);
    let open = there
        .handle
        .channel_open_direct_tcpip(name, port.into(), "127.0.0.1", 0);
    let onward = |cause: String| SshError::Onward {
        hop: hop.clone(),
        to: format!("{name}:{port}"),
        cause,
    };
    let channel = timeout(resolved.connect_timeout, open)
        .await
        .map_err(|_| onward("it does not answer".to_owned()))?
        .map_err(|error| onward(why_not(&error)))?;
    let reached = Reached {
        address: name.parse().ok(),
        port,
        through: Some((name.clone(), hop.clone())),
    };
    Ok(Way {
        stream: Box::new(channel.into_stream()),
        reached,
        behind: Behind::Hop(Box::new(there)),
    })
}

fn why_not(error: &russh::Error) -> String {
    use russh::ChannelOpenFailure as Failure;
    match error {
        russh::Error::ChannelOpenFailure(Failure::AdministrativelyProhibited) => {
            "its sshd forbids it".to_owned()
        }
        russh::Error::ChannelOpenFailure(_) => "it gets no connection there".to_owned(),
        _ => "the connection to it was lost".to_owned(),
    }
}

fn by_program(host: &str, resolved: &Resolved, command: &str) -> Result<Way, SshError> {
    let failed = |said: String| SshError::Proxy {
        host: host.to_owned(),
        command: command.to_owned(),
        said,
    };
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("does not start: {error}")))?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("has no input and output".to_owned()));
    };
    let reached = Reached {
        address: resolved.host_name.parse().ok(),
        port: resolved.port,
        through: Some((resolved.host_name.clone(), format!("`{command}`"))),
    };
    let errors = child.stderr.take();
    Ok(Way {
        stream: Box::new(join(output, input)),
        reached,
        behind: Behind::Command(Carrier {
            command: command.to_owned(),
            child,
            errors,
        }),
    })
}

/// Reaches the first address of the host that answers.
async fn straight(host: &str, resolved: &Resolved) -> Result<Way, SshError> {
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
        last = match timeout(limit, reach(address, resolved)).await {
            Ok(Ok(stream)) => {
                // The connection also works, slower, if this cannot be set.
                let _ = stream.set_nodelay(true);
                let reached = Reached {
                    address: Some(address.ip()),
                    port: address.port(),
                    through: None,
                };
                return Ok(Way {
                    stream: Box::new(stream),
                    reached,
                    behind: Behind::Nothing,
                });
            }
            Ok(Err(error)) => failed(host, &at, &error),
            Err(_) => late(host, &at, limit),
        };
    }
    Err(last)
}

async fn reach(address: SocketAddr, resolved: &Resolved) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(interface) = &resolved.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(from) = resolved.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(address).await
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

pub(super) fn late(host: &str, address: &str, limit: Duration) -> SshError {
    SshError::Timeout {
        host: host.to_owned(),
        address: address.to_owned(),
        seconds: limit.as_secs(),
    }
}
