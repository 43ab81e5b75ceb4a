//! A connection to a host: made, used for commands, closed.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use russh::client::{self, DisconnectReason, Handle, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, MethodKind};
use tokio::time::{sleep, timeout};

use super::algorithms;
use super::auth::Attempt;
use super::command::{As, Script};
use super::config::{self, Proxy, Resolved};
use super::error::{Named, SshError};
use super::exec::{Exec, Login, Output};
use super::first_line::{FirstLine, Remembering};
use super::host_keys::HostKeys;
use super::keys;
use super::options::Options;
use super::root::{Become, Rooting};
use super::sessions::Sessions;
use super::way::{self, Behind, Reached, Way, late};
use crate::host::target::Target;

/// Long enough for a person to confirm to the agent that it may sign.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough for a person to find a password; sshd itself waits two minutes (sshd_config(5), LoginGraceTime).
const PERSON_TIMEOUT: Duration = Duration::from_secs(180);
/// What sshd says instead of its version (sshd.c, `drop_connection`).
const TURNS_AWAY: [&str; 2] = ["Not allowed at this time", "Exceeded MaxStartups"];
/// A write that the other side does not take for this long ends the connection; keepalives only watch
/// the reading end.
const STALLED: Duration = Duration::from_secs(120);
/// A window that a fast line with 100 ms of delay does not exhaust.
const WINDOW: u32 = 16 * 1024 * 1024;
/// Between two tries at a host that boots: a firewall that limits connections takes five in 30 s (`ufw limit`).
const KNOCK: Duration = Duration::from_secs(7);

/// A connection to a host, logged in. Dropping it ends it.
pub struct Connection {
    there: LoggedIn,
    login: Arc<Login>,
    sessions: Sessions,
    options: Options,
}

/// A connection that a host has let in.
pub(super) struct LoggedIn {
    pub handle: Handle<Client>,
    pub user: String,
    pub host: Named,
    reached: Reached,
    /// What carries it.
    _behind: Behind,
}

impl Connection {
    /// Connects and logs in. A host that boots may take as long as the options say.
    ///
    /// # Errors
    /// Any [`SshError`] but those of commands.
    pub async fn open(target: &Target, options: &Options) -> Result<Connection, SshError> {
        let start = Instant::now();
        let there = loop {
            match log_in(target, options, &[]).await {
                Err(error) if error.is_of_booting() && start.elapsed() + KNOCK < options.wait => {
                    sleep(KNOCK).await
                }
                ended => break ended?,
            }
        };
        let login = Arc::new(Login {
            host: there.host.clone(),
            user: there.user.clone(),
            rooting: Rooting {
                password: options.root_password.clone(),
                person: options.person.clone(),
            },
        });
        Ok(Connection {
            there,
            login,
            sessions: Sessions::new(),
            options: options.clone(),
        })
    }

    /// The host as the person named it.
    pub fn host(&self) -> &str {
        self.login.host.name()
    }

    /// The host for messages: as the person named it, with the address that was reached.
    pub fn named(&self) -> &Named {
        &self.login.host
    }

    /// The remote user. Commands run as root all the same.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// The address and port that were reached, and what the way there leads through.
    pub fn reached(&self) -> &Reached {
        &self.there.reached
    }

    /// The host's address, if it is known here.
    pub fn address(&self) -> Option<IpAddr> {
        self.there.reached.address
    }

    /// Starts a script as root (through sudo, doas or su if the remote user is another). Several may run at once;
    /// what the host does not allow side by side waits for its turn.
    ///
    /// # Errors
    /// [`SshError::Lost`] if the connection is gone, [`SshError::Session`] if the host allows no more
    /// sessions; for a user who is not root those of [`Exec::next`], too.
    pub async fn exec(&self, script: Script) -> Result<Exec, SshError> {
        if self.login.is_root() {
            return self.start(script, As::Root).await;
        }
        let can_answer = self.login.rooting.can_answer();
        if let Some(how) = self.options.memory.root() {
            return self.start(script, As::Becoming { how, can_answer }).await;
        }
        let try_it = async |how| {
            let mut exec = self
                .start(script.clone(), As::Becoming { how, can_answer })
                .await?;
            exec.begun().await?;
            self.options.memory.became(how);
            Ok(exec)
        };
        match try_it(Become::Plainly).await {
            Err(SshError::SudoTerminal { .. }) => try_it(Become::OnTerminal).await,
            tried => tried,
        }
    }

    /// Starts a script as the remote user.
    ///
    /// # Errors
    /// Those of [`Connection::exec`].
    pub async fn exec_as_user(&self, script: Script) -> Result<Exec, SshError> {
        self.start(script, As::User).await
    }

    async fn start(&self, script: Script, runs: As) -> Result<Exec, SshError> {
        let lost = || SshError::Lost {
            host: self.login.host.clone(),
        };
        let refused = |cause: String| SshError::Session {
            host: self.login.host.clone(),
            cause,
        };
        let sent = script.sent(runs).map_err(|error| refused(error.to_string()))?;
        let mut tries = 0;
        loop {
            let place = self.sessions.place().await.ok_or_else(lost)?;
            match self.there.handle.channel_open_session().await {
                Ok(channel) => {
                    self.sessions.opened();
                    return Ok(Exec::start(channel, sent, Arc::clone(&self.login), place));
                }
                Err(russh::Error::ChannelOpenFailure(_)) => match self.sessions.refused(place, tries) {
                    Some(pause) => sleep(pause).await,
                    None => {
                        return Err(refused(
                            "it allows no more sessions on this connection".to_owned(),
                        ));
                    }
                },
                Err(_) => return Err(lost()),
            }
            tries += 1;
        }
    }

    /// Runs a script to its end and collects what it wrote.
    ///
    /// # Errors
    /// Those of [`Connection::exec`] and [`Exec::next`]. A status other than 0 is none.
    pub async fn output(&self, script: Script) -> Result<Output, SshError> {
        self.exec(script).await?.output().await
    }

    /// The connection itself, for what is no script.
    pub(super) fn handle(&self) -> &Handle<Client> {
        &self.there.handle
    }

    /// Says goodbye. Commands that still run are cut off.
    pub async fn close(self) {
        let goodbye = async {
            let handle = self.there.handle;
            let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
            // Until the goodbye is on the wire.
            let _ = handle.await;
        };
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}

/// Connects and logs in, through `jumps` if there are any.
pub(super) async fn log_in(
    target: &Target,
    options: &Options,
    jumps: &[Target],
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
    let keys = keys::find(&host, &resolved, options).await?;
    let Way {
        stream,
        reached,
        mut behind,
    } = way::go(&host, &resolved, options).await?;
    if let Some(address) = reached.address.filter(|_| resolved.checks_address) {
        host_keys.check_address(address);
    }
    let goodbye = Arc::new(OnceLock::new());
    let client = Client {
        host_keys: Arc::new(host_keys),
        goodbye: Arc::clone(&goodbye),
    };
    let shaken = shake_hands(stream, &host, &resolved, &reached, client).await;
    let mut handle = match (shaken, &mut behind) {
        (Ok(handle), _) => handle,
        (
            Err(error @ (SshError::Closed { .. } | SshError::Handshake { .. } | SshError::NotSsh { .. })),
            Behind::Command(carrier),
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
    timeout(limit, attempt.log_in())
        .await
        .map_err(|_| late(&host, &reached.to_string(), limit))??;
    Ok(LoggedIn {
        handle,
        user: resolved.user,
        host: named,
        reached,
        _behind: behind,
    })
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
                kind: algorithms::name(&kind).to_owned(),
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
