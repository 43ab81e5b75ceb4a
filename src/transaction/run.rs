//! Starts a run on a host and follows it to its end, across broken connections.

use std::io;
use std::time::Duration;

use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::compile::{self, OnFailure};
use super::event::Event;
use super::journal::{End, Journal, Mark};
use super::offer::{self, Held, Wanted};
use super::record::Record;
use super::sent::Sent;
use super::stage::{self, Packed, Work};
use crate::change::{Change, Content, PROOF};
use crate::host::ssh::{self, Connection, Exec, Options, Script, SshError};
use crate::host::target::Target;
use crate::layout::BASE;
use crate::secret::Secrets;

/// How to reach a host, again if need be.
#[derive(Clone, Debug)]
pub struct Access {
    /// The host.
    pub target: Target,
    /// How to log in.
    pub options: Options,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step was done.
    Done,
    /// A step failed and was undone as far as can be; the steps after it were not started.
    Failed,
}

/// Why it is not known how a run ended, or why there was none.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host could not take the contents in.
    #[error("{host} could not take in what it needs: {cause}")]
    #[diagnostic(help("nothing was changed; mend that and run again"))]
    Stage {
        /// The host.
        host: String,
        /// What it said.
        cause: String,
    },
    /// Another run holds the lock.
    #[error("another run is going on on {host}")]
    #[diagnostic(help("nothing was changed; wait until it is over and run again"))]
    Busy {
        /// The host.
        host: String,
    },
    /// The connection broke and could not be made again.
    #[error("the connection to {host} was lost in the middle of the run {id}: {cause}")]
    #[diagnostic(help(
        "unless it was switched off, {host} goes on alone; when it answers, apply again: it waits for the run's end and does the rest"
    ))]
    Lost {
        /// The host.
        host: String,
        /// The run.
        id: String,
        /// Why it cannot be reached.
        cause: Box<SshError>,
    },
    /// The run ended without saying how.
    #[error("the run {id} on {host} was cut off; was the host restarted, or the run killed?")]
    #[diagnostic(help(
        "what its last step had begun was not undone; no file of the playbook is half written. Run apply again: the plan says what is left"
    ))]
    Died {
        /// The host.
        host: String,
        /// The run.
        id: String,
    },
    /// The store lost what a generation needs.
    #[error("{host} no longer has all that this generation installed")]
    #[diagnostic(help("nothing was changed; apply the playbook from its own files"))]
    Gone {
        /// The host.
        host: String,
    },
    /// This machine's memory or random source failed.
    #[error("the run could not be prepared: {0}")]
    #[diagnostic(help("nothing was changed; run again"))]
    Prepare(String),
}

/// What is to be run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The changes to make.
    pub changes: &'a [Change],
    /// The generation that they make.
    pub record: Option<Record>,
    /// Who has it done, as JSON, for whoever finds it going on.
    pub about: String,
    /// What becomes of the steps that were done when one fails.
    pub on_failure: OnFailure,
    /// What does not stay in the run's journal.
    pub secrets: &'a Secrets,
}

/// How long a lost host may take to answer again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a job on the host and tells `observe` how it goes. On return the connection may be another than at the start.
///
/// # Errors
/// When it is not known how the run ended. The host finishes what it has begun in any case.
pub async fn run(
    connection: &mut Connection,
    access: &Access,
    job: Job<'_>,
    observe: &mut dyn FnMut(&Event),
) -> Result<Outcome, RunError> {
    let no_random = |_| RunError::Prepare("this machine gives no random numbers".into());
    let id = run_id().map_err(no_random)?;
    let token = random().map_err(no_random)?;
    let Job {
        changes,
        record,
        about,
        on_failure,
        secrets,
    } = job;
    let kept = record.as_ref().map_or(&[][..], |record| &record.contents);
    let wanted = offer::wanted(changes);
    let held = held(connection, &wanted, kept).await?;
    let is_gone = |content: &&Content| !content.is_here() && !held.whole.contains(&content.sha256);
    let contents = wanted.iter().map(|wanted| &wanted.content);
    let is_lost = |content: &Content| !content.is_here() && held.lacks.contains(&content.sha256);
    if contents.clone().any(|content| is_gone(&content)) || kept.iter().any(is_lost) {
        return Err(RunError::Gone {
            host: connection.host().to_owned(),
        });
    }
    let work = Work {
        program: compile::compile(&id, &token, changes, record.as_ref(), on_failure),
        about,
        record,
    };
    let sent = Sent::of_this_user();
    let mut attempt = Attempt {
        connection,
        access,
        id,
        token,
        observe,
    };
    let pack = async |held: &Held| pack(&work, &wanted, secrets, held, &sent).await;
    let packed = pack(&held).await?;
    let patches = packed.patches;
    let outcome = match attempt.run(packed).await {
        // The host could not make a file from its difference: too little memory, say.
        Err(RunError::Stage { .. }) if patches => {
            let whole = Held {
                like: [].into(),
                ..held
            };
            attempt.run(pack(&whole).await?).await
        }
        outcome => outcome,
    };
    for Wanted { content, .. } in offer::large(&wanted) {
        // What cannot be kept travels whole the next time.
        if content.is_here() {
            let _ = sent.keep(content);
        }
    }
    outcome
}

/// What the host holds of what is wanted.
async fn held(connection: &Connection, wanted: &[Wanted], kept: &[Content]) -> Result<Held, SshError> {
    let Some(script) = offer::script(wanted, kept) else {
        return Ok(Held::default());
    };
    let answer = connection.output(Script::open(script)).await?;
    Ok(offer::decode(&answer.stdout))
}

/// Packing is work for a processor; the connection must be kept alive meanwhile.
async fn pack(
    work: &Work,
    wanted: &[Wanted],
    secrets: &Secrets,
    held: &Held,
    sent: &Sent,
) -> Result<Packed, RunError> {
    let (work, wanted, secrets) = (work.clone(), wanted.to_vec(), secrets.clone());
    let (held, sent) = (held.clone(), sent.clone());
    let pack = move || stage::pack(&work, &wanted, &secrets, &held, |hash| sent.get(hash));
    let packed = spawn_blocking(pack).await.map_err(io::Error::other);
    packed
        .flatten()
        .map_err(|error| RunError::Prepare(error.to_string()))
}

/// A run that is sent to a host and followed.
struct Attempt<'a> {
    connection: &'a mut Connection,
    access: &'a Access,
    id: String,
    token: String,
    observe: &'a mut dyn FnMut(&Event),
}

impl Attempt<'_> {
    async fn run(&mut self, packed: Packed) -> Result<Outcome, RunError> {
        let host = self.connection.named().to_string();
        let id = self.id.clone();
        let mut journal = Journal::new(&self.token);
        let mut said = Vec::new();
        let (mut sent, total, contents) = (0, packed.stream.len() as u64, packed.contents);
        let command = stage::command(&id, &self.token);
        let mut exec = self.connection.exec(Script::fed(command, packed.stream)).await?;
        loop {
            match exec.next().await {
                Ok(Some(ssh::Event::Fed(bytes))) => {
                    sent += bytes as u64;
                    (self.observe)(&Event::Sending {
                        sent,
                        total,
                        contents,
                    });
                }
                Ok(Some(ssh::Event::Stdout(bytes))) => {
                    for mark in journal.feed(&bytes) {
                        match mark {
                            Mark::End(End::Ok) => return Ok(Outcome::Done),
                            Mark::End(End::Failed) => return Ok(Outcome::Failed),
                            Mark::End(End::Busy) => return Err(RunError::Busy { host }),
                            // When it fails the host undoes the step, and the journal says so.
                            Mark::Confirm => confirm(self.access, &id).await,
                            Mark::Event(event) => (self.observe)(&event),
                        }
                    }
                }
                Ok(Some(ssh::Event::Stderr(bytes))) => said.extend(bytes),
                Ok(Some(ssh::Event::Exit(status))) if status != 0 && journal.offset() == 0 => {
                    let cause = cause(&String::from_utf8_lossy(&said));
                    return Err(RunError::Stage { host, cause });
                }
                Ok(Some(ssh::Event::Exit(_)) | None) => return Err(RunError::Died { host, id }),
                Err(SshError::Lost { .. }) => {
                    let follow = stage::follow(&id, &self.token, journal.offset());
                    let again = reconnect(self.access, &follow).await;
                    (*self.connection, exec) = again.map_err(|cause| RunError::Lost {
                        host: host.clone(),
                        id: id.clone(),
                        cause: Box::new(cause),
                    })?;
                    journal.resume();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a host said when it could not take a run in. On a full disk tar says so of every file; of what is killed sh
/// says no more than that.
fn cause(said: &str) -> String {
    let text = said.trim().replace('\n', "; ");
    match text.as_str() {
        _ if text.contains("No space left on device") => format!("no space is left on its disk at {BASE}"),
        "Killed" => "what took it in was killed; is its memory short?".into(),
        _ => text,
    }
}

/// Proves over a new connection that the host lets us in, and tells the run.
async fn confirm(access: &Access, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(PROOF.into());
    for pause in pauses() {
        let fresh = Connection::open(&access.target, &access.options).await;
        if let Ok(fresh) = fresh
            && fresh
                .output(Script::open(stage::confirm(id)))
                .await
                .is_ok_and(|output| output.status == 0)
        {
            return;
        }
        if Instant::now() + pause > deadline {
            return;
        }
        sleep(pause).await;
    }
}

/// How long to wait after each try to connect, in seconds. The first tries are for a daemon that is about to
/// listen. A firewall that limits connections counts the tries that it refuses, too: ufw refuses the sixth in
/// 30 s and counts it twice, so that only tries as far apart as the later ones get in at last.
fn pauses() -> impl Iterator<Item = Duration> {
    let seconds = [1, 4, 16].into_iter().chain(std::iter::repeat(16));
    seconds.map(Duration::from_secs)
}

/// Connects again, however often it takes, and starts `script` there.
async fn reconnect(access: &Access, script: &str) -> Result<(Connection, Exec), SshError> {
    let start = async || {
        let connection = Connection::open(&access.target, &access.options).await?;
        let exec = connection.exec(Script::open(script)).await?;
        Ok((connection, exec))
    };
    let deadline = Instant::now() + PATIENCE;
    let mut pauses = pauses();
    loop {
        match (start().await, pauses.next()) {
            (Err(_), Some(pause)) if Instant::now() < deadline => sleep(pause).await,
            (ended, _) => return ended,
        }
    }
}

/// An id that sorts by time: seconds since 1970 and a random part.
fn run_id() -> Result<String, Unspecified> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |time| time.as_secs());
    Ok(format!("{seconds:012}-{}", &random()?[..8]))
}

fn random() -> Result<String, Unspecified> {
    let mut bytes = [0_u8; 8];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
