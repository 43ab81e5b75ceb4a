//! One running command: its input is fed and its output collected by a task of its own.

use std::sync::Arc;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::error::SshError;
use super::sudo;

/// Something a running command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// So many bytes more of its standard input are on their way.
    Fed(usize),
    /// It wrote to standard output.
    Stdout(Vec<u8>),
    /// It wrote to standard error.
    Stderr(Vec<u8>),
    /// It ended with this status; 128 + n if signal n killed it. Nothing comes after.
    Exit(i32),
}

/// All that a finished command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit status; 128 + n if signal n killed it.
    pub status: i32,
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// A running command. Its output is taken off the connection whether or not it is asked for, so that
/// an `Exec` nobody reads holds up no other. Dropping it closes its session: the command gets
/// end of file, and SIGPIPE when it writes. One that does neither runs on, and counts among the sessions that
/// sshd allows until it ends; sshd takes no signals for it in a login of root.
#[derive(Debug)]
pub struct Exec {
    events: UnboundedReceiver<Result<Event, SshError>>,
    login: Arc<Login>,
    /// The beginning of stderr while sudo's refusal is possible.
    errors: Option<Vec<u8>>,
    ended: bool,
}

/// Who is logged in where, for messages.
#[derive(Debug)]
pub(super) struct Login {
    pub host: String,
    pub user: String,
}

impl Login {
    pub fn is_root(&self) -> bool {
        self.user == "root"
    }
}

/// How much of the input is handed over at once: a packet of OpenSSH's.
const PIECE: usize = 32 * 1024;

/// As much of stderr as sudo's own messages need.
const SUDO_WORDS: usize = 4096;

impl Exec {
    /// Starts `command` on an open channel. The permit is kept until the session is closed.
    pub(super) fn start(
        channel: Channel<Msg>,
        command: &str,
        stdin: Vec<u8>,
        login: Arc<Login>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let root = login.is_root();
        let command = if root {
            command.to_owned()
        } else {
            sudo::wrap(command)
        };
        let (sender, events) = unbounded_channel();
        let host = login.host.clone();
        tokio::spawn(async move {
            carry(channel, command, stdin, sender, host).await;
            drop(permit);
        });
        Exec {
            events,
            login,
            errors: (!root).then(Vec::new),
            ended: false,
        }
    }

    /// The next thing the command did; `None` after [`Event::Exit`].
    ///
    /// # Errors
    /// [`SshError::Lost`] if the connection broke before the command ended, [`SshError::SudoMissing`]
    /// and [`SshError::SudoPassword`] if the remote user cannot become root, [`SshError::Session`] if sshd
    /// does not run commands.
    pub async fn next(&mut self) -> Result<Option<Event>, SshError> {
        if self.ended {
            return Ok(None);
        }
        let event = self
            .events
            .recv()
            .await
            .transpose()
            .inspect_err(|_| self.ended = true)?;
        match &event {
            Some(Event::Fed(_)) => {}
            Some(Event::Stdout(_)) => self.errors = None,
            Some(Event::Stderr(bytes)) => {
                if let Some(errors) = &mut self.errors {
                    let missing = SUDO_WORDS.saturating_sub(errors.len());
                    errors.extend(bytes.iter().take(missing));
                }
            }
            Some(Event::Exit(status)) => {
                self.ended = true;
                let Login { host, user } = &*self.login;
                let refusal = self
                    .errors
                    .take()
                    .and_then(|errors| sudo::refusal(host, user, *status, &errors));
                if let Some(refusal) = refusal {
                    return Err(refusal);
                }
            }
            None => {
                self.ended = true;
                return Err(SshError::Lost {
                    host: self.login.host.clone(),
                });
            }
        }
        Ok(event)
    }

    /// Waits for the end and collects everything.
    ///
    /// # Errors
    /// Those of [`Exec::next`].
    pub async fn output(mut self) -> Result<Output, SshError> {
        let mut output = Output {
            status: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        while let Some(event) = self.next().await? {
            match event {
                Event::Fed(_) => {}
                Event::Stdout(bytes) => output.stdout.extend(bytes),
                Event::Stderr(bytes) => output.stderr.extend(bytes),
                Event::Exit(status) => output.status = status,
            }
        }
        Ok(output)
    }
}

/// Feeds and reads a command until its session is closed. Ends without [`Event::Exit`] if the connection did.
async fn carry(
    channel: Channel<Msg>,
    command: String,
    stdin: Vec<u8>,
    events: UnboundedSender<Result<Event, SshError>>,
    host: String,
) {
    let (mut reader, writer) = channel.split();
    let feed = async {
        // A reply is asked for, not awaited: a refusal would otherwise leave the session open for ever.
        writer.exec(true, command).await?;
        for piece in stdin.chunks(PIECE) {
            writer.data_bytes(piece.to_vec()).await?;
            // Nobody listens: the reading end sees to that.
            let _ = events.send(Ok(Event::Fed(piece.len())));
        }
        writer.eof().await
    };
    tokio::pin!(feed);
    let mut fed = false;
    // sshd may send the status ahead of the last output, so it is kept until the session closes.
    let mut status = None;
    loop {
        let message = tokio::select! {
            // A failure to feed shows at the reading end as well.
            _ = &mut feed, if !fed => {
                fed = true;
                continue;
            }
            message = reader.wait() => message,
            () = events.closed() => {
                let _ = writer.close().await;
                return;
            }
        };
        let sent = match message {
            Some(ChannelMsg::Data { data }) => events.send(Ok(Event::Stdout(data.into()))),
            Some(ChannelMsg::ExtendedData { data, .. }) => events.send(Ok(Event::Stderr(data.into()))),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                status = Some(i32::try_from(exit_status).unwrap_or(i32::MAX));
                Ok(())
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                status = Some(128 + number(&signal_name));
                Ok(())
            }
            Some(ChannelMsg::Failure) => {
                let cause = "its sshd does not allow it".to_owned();
                let _ = events.send(Err(SshError::Session { host, cause }));
                let _ = writer.close().await;
                return;
            }
            Some(ChannelMsg::Close) | None => break,
            Some(_) => Ok(()),
        };
        if sent.is_err() {
            let _ = writer.close().await;
            return;
        }
    }
    if let Some(status) = status {
        let _ = events.send(Ok(Event::Exit(status)));
    }
}

/// Linux's number of a signal (signal(7)); 0 for one that SSH cannot name.
fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(name) if name == "USR2" => 12,
        Sig::Custom(_) => 0,
    }
}
