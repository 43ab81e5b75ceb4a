//! A connection to a host: made, used for commands, closed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::Disconnect;
use russh::client::Handle;
use tokio::time::{sleep, timeout};

use super::command::{As, Script};
use super::contact::{Client, LoggedIn, log_in};
use super::error::{Named, SshError};
use super::exec::{Exec, Output};
use super::login::Login;
use super::options::Options;
use super::root::{Become, Rooting};
use super::sessions::Sessions;
use super::way::Reached;
use crate::host::target::Target;

/// Between two tries at a host that boots: a firewall that limits connections takes five in 30 s (`ufw limit`), and what
/// sshd writes down for each failed login (5 s; sshd_config(5), PerSourcePenalties) is over before the next.
const KNOCK: Duration = Duration::from_secs(7);

/// A connection to a host, logged in. Dropping it ends it.
pub struct Connection {
    there: LoggedIn,
    login: Arc<Login>,
    sessions: Sessions,
    options: Options,
}

impl Connection {
    /// Connects and logs in. A host that boots may take as long as the options say.
    ///
    /// # Errors
    /// Any [`SshError`] but those of commands.
    pub async fn open(target: &Target, options: &Options) -> Result<Connection, SshError> {
        let start = Instant::now();
        let waits = |error: &SshError| error.is_of_booting() && start.elapsed() + KNOCK < options.wait;
        Self::open_while(target, options, waits).await
    }

    /// Connects and logs in, and tries again as long as `waits` says so of what it failed with.
    ///
    /// # Errors
    /// Any [`SshError`] but those of commands.
    pub async fn open_while(
        target: &Target,
        options: &Options,
        mut waits: impl FnMut(&SshError) -> bool,
    ) -> Result<Connection, SshError> {
        let there = loop {
            match log_in(target, options, &[], 0).await {
                Err(error) if waits(&error) => sleep(KNOCK).await,
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
