//! A connection is made: the way is gone, the host's key is checked, and the host lets us in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::MethodKind;
use russh::client::{self, DisconnectReason, Handle, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio::time::timeout;

use super::algorithms;
use super::auth::Attempt;
use super::config::{self, Proxy, Resolved};
use super::error::{Named, SshError};
use super::first_line::{FirstLine, Remembering};
use super::host_keys::HostKeys;
use super::keys;
use super::options::Options;
use super::way::{self, Carrier, Reached, Way, late};
use crate::host::target::Target;

/// Long enough for a person to confirm to the agent that it may sign.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough for a person to find a password; sshd itself waits two minutes (sshd_config(5), LoginGraceTime).
const PERSON_TIMEOUT: Duration = Duration::from_secs(180);
/// More hosts on a way are a circle: with `ProxyJump gate` for all hosts, gate is reached through itself.
const DEPTH: usize = 8;
/// What sshd says instead of its version (sshd.c, `drop_connection`).
const TURNS_AWAY: [&str; 2] = ["Not allowed at this time", "Exceeded MaxStartups"];
/// A write that the other side does not take for this long ends the connection; keepalives only watch
/// the reading end.
const STALLED: Duration = Duration::from_secs(120);
/// A window that a fast line with 100 ms of delay does not exhaust.
const WINDOW: u32 = 16 * 1024 * 1024;

/// A connection that a host has let in.
pub(super) struct LoggedIn {
    pub handle: Handle<Client>,
    pub user: String,
    pub host: Named,
    pub reached: Reached,
    /// The last host on the way and the program that carries the bytes: without them it ends.
    _behind: (Option<Box<LoggedIn>>, Option<Carrier>),
}

/// Connects and logs in, through `jumps` if there are any. So many connections lean on this one: `depth`.
pub(super) async fn log_in(
    target: &Target,
    options: &Options,
    jumps: &[Target],
    depth: usize,
) -> Result<LoggedIn, SshError> {
    let host = Target {
        user: None,
        ..target.clone()
    }
    .to_string();
    let mut resolved = config::resolve(target, options).await?;
    if !jumps.is_empty() {
        resolved.proxy = Some(Proxy::Jumps(jumps.to_vec()));
    }
    let mut host_keys = HostKeys::load(&host, &resolved, options)?;
    if options.keys_only {
        resolved.methods = vec![MethodKind::PublicKey];
    }
    let keys = match options.without_keys {
        true => keys::Keys::default(),
        false => keys::find(&host, &resolved, options).await?,
    };
    let (way, hop) = match &resolved.proxy {
        None => (way::straight(&host, &resolved).await?, None),
        Some(Proxy::Command(command)) => (way::by_program(&host, &resolved, command)?, None),
        Some(Proxy::Jumps(_)) if depth == DEPTH => return Err(SshError::Circle { host }),
        Some(Proxy::Jumps(jumps)) => through(&host, &resolved, jumps, options, depth).await?,
    };
    let Way {
        stream,
        reached,
        mut carrier,
    } = way;
    if let Some(address) = reached.address.filter(|_| resolved.checks_address) {
        host_keys.check_address(address);
    }
    let goodbye = Arc::new(OnceLock::new());
    let banner = Arc::new(OnceLock::new());
    let client = Client {
        host_keys: Arc::new(host_keys),
        goodbye: Arc::clone(&goodbye),
        banner: Arc::clone(&banner),
    };
    let shaken = shake_hands(stream, &host, &resolved, &reached, client).await;
    let mut handle = match (shaken, &mut carrier) {
        (Ok(handle), _) => handle,
        (
            Err(error @ (SshError::Closed { .. } | SshError::Handshake { .. } | SshError::NotSsh { .. })),
            Some(carrier),
        ) => {
            return Err(carrier.failure(&host).await.unwrap_or(error));
        }
        (Err(error), _) => return Err(error),
    };
    let named = Named::new(&host, &reached);
    let limit = match options.person {
        Some(_) => PERSON_TIMEOUT,
        None => LOGIN_TIMEOUT,
    };
    let attempt = Attempt::new(&mut handle, named.clone(), &resolved, options, &goodbye, keys);
    let ended = timeout(limit, attempt.log_in())
        .await
        .map_err(|_| late(&host, &reached.to_string(), limit))?;
    if let (Err(_), Some(said)) = (&ended, banner.get()) {
        let (host, user) = (named, resolved.user);
        let said = said.clone();
        return Err(SshError::Booting { host, user, said });
    }
    ended?;
    Ok(LoggedIn {
        handle,
        user: resolved.user,
        host: named,
        reached,
        _behind: (hop, carrier),
    })
}

async fn through(
    host: &str,
    resolved: &Resolved,
    jumps: &[Target],
    options: &Options,
    depth: usize,
) -> Result<(Way, Option<Box<LoggedIn>>), SshError> {
    let Some((last, before)) = jumps.split_last() else {
        return Ok((way::straight(host, resolved).await?, None));
    };
    let hop = last.to_string();
    let cause = |cause: SshError| match cause {
        SshError::Circle { .. } => cause,
        cause => SshError::Hop {
            host: host.to_owned(),
            hop: hop.clone(),
            cause: Box::new(cause),
        },
    };
    // As ssh does: the hosts before it are those of the list, for the first one those of its own configuration.
    let on_the_way = options.on_the_way();
    let there = Box::pin(log_in(last, &on_the_way, before, depth + 1))
        .await
        .map_err(cause)?;
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
    let reached = Reached::through(name, port, &hop);
    let way = Way {
        stream: Box::new(channel.into_stream()),
        reached,
        carrier: None,
    };
    Ok((way, Some(Box::new(there))))
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

/// Agrees on a session with the host and checks its key.
async fn shake_hands(
    stream: Box<dyn way::Stream>,
    host: &str,
    resolved: &Resolved,
    reached: &Reached,
    client: Client,
) -> Result<Handle<Client>, SshError> {
    let config = client::Config {
        window_size: WINDOW,
        keepalive_interval: Some(resolved.keepalive),
        keepalive_max: resolved.keepalives,
        inactivity_timeout: Some(STALLED),
        preferred: client.host_keys.preferred(resolved),
        nodelay: true,
        ..client::Config::default()
    };
    let first = FirstLine::default();
    let stream = Remembering {
        stream,
        first: first.clone(),
    };
    let address = reached.to_string();
    let host_keys = Arc::clone(&client.host_keys);
    let handshake = client::connect_stream(Arc::new(config), stream, client);
    tokio::pin!(handshake);
    let ended = loop {
        match timeout(resolved.connect_timeout, &mut handshake).await {
            // A person compares fingerprints.
            Err(_) if host_keys.is_asking() => {}
            ended => break ended,
        }
    };
    let host = host.to_owned();
    match (ended, first.text()) {
        (Ok(Ok(handle)), _) => Ok(handle),
        (Ok(Err(Refusal::HostKey(error))), _) => Err(error),
        (_, Some(said)) if TURNS_AWAY.contains(&said.as_str()) => {
            Err(SshError::TurnedAway { host, address, said })
        }
        (_, Some(said)) if !said.starts_with("SSH-") => Err(SshError::NotSsh { host, address, said }),
        (Err(_), _) => Err(late(&host, &address, resolved.connect_timeout)),
        (Ok(Err(Refusal::Protocol(_))), None) => Err(SshError::Closed { host, address }),
        (Ok(Err(Refusal::Protocol(russh::Error::NoCommonAlgo { kind, ours, theirs }))), _) => {
            Err(SshError::NoCommon {
                mend: algorithms::mend(&host, &kind, &theirs),
                host,
                kind: algorithms::name(&kind),
                ours: ours.join(","),
                theirs: theirs.join(","),
            })
        }
        (Ok(Err(Refusal::Protocol(error))), Some(_)) => Err(SshError::Handshake {
            host,
            cause: error.to_string(),
        }),
    }
}

/// Our side of the protocol: it decides whether the host's key is trusted, and listens for a goodbye.
pub(super) struct Client {
    host_keys: Arc<HostKeys>,
    /// What the host said when it ended the connection.
    goodbye: Arc<OnceLock<String>>,
    /// What it said of booting.
    banner: Arc<OnceLock<String>>,
}

/// Why a handshake ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    HostKey(SshError),
    #[error(transparent)]
    Protocol(#[from] russh::Error),
}

impl client::Handler for Client {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        let checked = self.host_keys.check(shown).await;
        checked.map(|()| true).map_err(Refusal::HostKey)
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

    /// pam_nologin(8) lets nobody but root in for as long as a host boots, or goes down, and says so.
    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), Refusal> {
        let is_it =
            |line: &&str| line.contains("System is booting up") || line.contains("System is going down");
        if let Some(line) = banner.lines().find(is_it) {
            let _ = self.banner.set(line.trim().to_owned());
        }
        Ok(())
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
