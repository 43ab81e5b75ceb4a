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

use super::config::Resolved;
use super::error::SshError;

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

impl Reached {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Through another host, which looks the name up.
    pub(super) fn through(name: &str, port: u16, hop: &str) -> Self {
        Self {
            address: name.parse().ok(),
            port,
            through: Some((name.to_owned(), hop.to_owned())),
        }
    }
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
    /// The program, which must live as long as the stream.
    pub carrier: Option<Carrier>,
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

/// Goes through a program.
pub(super) fn by_program(host: &str, resolved: &Resolved, command: &str) -> Result<Way, SshError> {
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
        carrier: Some(Carrier {
            command: command.to_owned(),
            child,
            errors,
        }),
    })
}

/// Reaches the first address of the host that answers.
pub(super) async fn straight(host: &str, resolved: &Resolved) -> Result<Way, SshError> {
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
                    carrier: None,
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
