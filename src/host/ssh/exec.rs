//! One running command: its input is fed and its output collected by a task of its own.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::command::Sent;
use super::error::SshError;
use super::login::Login;
use super::refusal::{self, Noise};
use super::sessions::Place;

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
    /// Until the script has begun.
    begins: Option<oneshot::Receiver<()>>,
    events: UnboundedReceiver<Result<Event, SshError>>,
    login: Arc<Login>,
    ended: bool,
}

/// How much of the input is handed over at once: a packet of OpenSSH's.
const PIECE: usize = 32 * 1024;

/// How long a login shell's start-up files, and sudo, may take.
const BEGINNING: Duration = Duration::from_secs(60);

/// How long sshd may take to say that a session is over which we have ended.
const ENDING: Duration = Duration::from_secs(2);

impl Exec {
    /// Starts a script on an open channel. The permit is kept until the session is closed.
    pub(super) fn start(channel: Channel<Msg>, sent: Sent, login: Arc<Login>, place: Place) -> Self {
        let (sender, events) = unbounded_channel();
        let (begun, begins) = oneshot::channel();
        let carried = Arc::clone(&login);
        tokio::spawn(async move {
            carry(channel, sent, sender, begun, &carried).await;
            drop(place);
        });
        Exec {
            begins: Some(begins),
            events,
            login,
            ended: false,
        }
    }

    /// Waits until the script has begun.
    ///
    /// # Errors
    /// Those of [`Exec::next`] that say why it has not.
    pub(super) async fn begun(&mut self) -> Result<(), SshError> {
        let begins = self.begins.take();
        if let Some(begins) = begins
            && begins.await.is_err()
        {
            self.next().await?;
        }
        Ok(())
    }

    /// The next thing the script did; `None` after [`Event::Exit`].
    ///
    /// # Errors
    /// [`SshError::Lost`] if the connection broke before the script ended, [`SshError::SudoMissing`] and its
    /// sisters if the remote user cannot become root, [`SshError::Shell`], [`SshError::Silent`],
    /// [`SshError::Expired`] and [`SshError::AnotherUser`] if the login shell does not come to it,
    /// [`SshError::Session`] if sshd does not run commands.
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
            Some(Event::Exit(_)) => self.ended = true,
            None => {
                self.ended = true;
                return Err(SshError::Lost {
                    host: self.login.host.clone(),
                });
            }
            Some(_) => {}
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

/// Feeds and reads a script until its session is closed. Ends without [`Event::Exit`] if the connection did.
async fn carry(
    channel: Channel<Msg>,
    sent: Sent,
    events: UnboundedSender<Result<Event, SshError>>,
    begins: oneshot::Sender<()>,
    login: &Login,
) {
    let (mut reader, writer) = channel.split();
    let begun = Notify::new();
    let mut begins = Some(begins);
    let feed = async {
        // A reply is asked for, not awaited: a refusal would otherwise leave the session open for ever.
        writer.exec(true, sent.line).await?;
        // A login shell and its start-up files must not take the input for commands.
        if sent.waits || !sent.stdin.is_empty() {
            begun.notified().await;
        }
        for piece in sent.stdin.chunks(PIECE) {
            writer.data_bytes(piece.to_vec()).await?;
            // Nobody listens: the reading end sees to that.
            let _ = events.send(Ok(Event::Fed(piece.len())));
        }
        writer.eof().await
    };
    let late = sleep(BEGINNING);
    tokio::pin!(feed, late);
    let (mut fed, mut asked) = (false, 0);
    let (mut output, mut errors) = (Noise::default(), Noise::default());
    // sshd may send the status ahead of the last output, so it is kept until the session closes.
    let mut status = None;
    let error = loop {
        let message = tokio::select! {
            // A failure to feed shows at the reading end as well.
            _ = &mut feed, if !fed => {
                fed = true;
                continue;
            }
            message = reader.wait() => message,
            () = &mut late, if !output.is_over() => {
                break Some(refusal::silent(login, BEGINNING, &output, &errors));
            }
            () = events.closed() => break None,
        };
        let event = match message {
            Some(ChannelMsg::Data { data }) => {
                let data = output.pass(data.into());
                if output.is_over() {
                    begun.notify_one();
                    begins.take().map(|begins| begins.send(()));
                } else if let Some(refusal) = refusal::another_user(login, &output) {
                    break Some(refusal);
                }
                data.map(Event::Stdout)
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let data = errors.pass(data.into());
                let questions = errors.questions();
                if !output.is_over()
                    && let Some(tool) = questions.get(asked..).and_then(<[String]>::last)
                {
                    asked = questions.len();
                    let answer = login.rooting.answer(&login.host, &login.user, tool, asked).await;
                    let answer = match answer {
                        Ok(answer) => answer,
                        Err(error) => break Some(error),
                    };
                    let line = format!("{}\n", answer.text());
                    // A failure to write shows at the reading end.
                    let _ = writer.data_bytes(line.into_bytes()).await;
                    late.as_mut().reset(Instant::now() + BEGINNING);
                }
                data.map(Event::Stderr)
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                status = Some(i32::try_from(exit_status).unwrap_or(i32::MAX));
                None
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                status = Some(128 + number(&signal_name));
                None
            }
            Some(ChannelMsg::Failure) => {
                break Some(SshError::Session {
                    host: login.host.clone(),
                    cause: "its sshd does not allow it".to_owned(),
                });
            }
            Some(ChannelMsg::Close) | None => {
                if let Some(status) = status {
                    let _ = events.send(match output.is_over() {
                        true => Ok(Event::Exit(status)),
                        false => Err(refusal::ended(login, status, &output, &errors)),
                    });
                }
                return;
            }
            Some(_) => None,
        };
        if let Some(event) = event
            && events.send(Ok(event)).is_err()
        {
            break None;
        }
    };
    if let Some(error) = error {
        let _ = events.send(Err(error));
    }
    let _ = writer.close().await;
    let ends = async { while !matches!(reader.wait().await, Some(ChannelMsg::Close) | None) {} };
    let _ = timeout(ENDING, ends).await;
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
