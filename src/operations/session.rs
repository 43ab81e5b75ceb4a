//! One host, connected: read it, plan, run, check.

use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::playbook::{BuildError, Built, Proved};
use crate::checks::answer::Outcome;
use crate::checks::{here, on_host};
use crate::desired::Desired;
use crate::desired::check::{Check, From};
use crate::facts::{DecodeError, Facts, decode, script};
use crate::host::ssh::{Connection, Exec, Reached, Script, SshError};
use crate::host::target::Target;
use crate::language::PlaybookErrors;
use crate::plan::{Plan, PlanError, plan};
use crate::transaction::event::Event;
use crate::transaction::run::{self, Access, Job, RunError};

/// Why a host could not be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SessionError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// Its answer.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Decode(#[from] DecodeError),
    /// The probe did not run.
    #[error("{host} did not run the probe (status {status}): {said}")]
    #[diagnostic(help("log in with ssh and see whether `sh` works there"))]
    Probe {
        /// The host.
        host: String,
        /// The exit status.
        status: i32,
        /// What it printed.
        said: String,
    },
    /// What is gone from the playbook cannot be taken away.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Playbook(#[from] PlaybookErrors),
    /// No plan can be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
}

/// Why there is no desired state, or no connection to a host that shall have it.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ConnectError {
    /// The desired state.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
}

/// Makes the desired state and connects to the host, side by side: a build takes as long as a handshake
/// even when nothing is to build.
///
/// # Errors
/// Whichever of the two fails first.
pub async fn connect(proved: Proved, access: Access) -> Result<(Built, Session), ConnectError> {
    let build = async { Ok(proved.build().await?) };
    let session = async { Ok(Session::open(access).await?) };
    tokio::try_join!(build, session)
}

/// A host that answers.
pub struct Session {
    access: Access,
    connection: Connection,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// When the host cannot be reached or logged in to.
    pub async fn open(access: Access) -> Result<Self, SshError> {
        let connection = Connection::open(&access.target, &access.options).await?;
        Ok(Self { access, connection })
    }

    /// Reads what must be known for `desired`: one exec.
    ///
    /// # Errors
    /// When the host does not answer as it should.
    pub async fn read(&self, desired: &Desired) -> Result<Facts, SessionError> {
        let questions = desired.questions();
        let script = match questions.any_secret() {
            true => Script::hidden(script(&questions)),
            false => Script::open(script(&questions)),
        };
        let output = self.connection.output(script).await?;
        if output.status != 0 && !output.stdout.starts_with(b"@") {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
            let host = self.connection.named().to_string();
            return Err(SessionError::Probe {
                host,
                status: output.status,
                said,
            });
        }
        Ok(decode(&questions, &output.stdout)?)
    }

    /// Reads the host and makes the plan.
    ///
    /// # Errors
    /// When the host does not answer as it should, or no plan can be made.
    pub async fn plan(&self, desired: &Desired) -> Result<(Facts, Plan), SessionError> {
        let facts = self.read(desired).await?;
        let plan = self.plan_from(desired, &facts)?;
        Ok((facts, plan))
    }

    /// Reads the host and makes the plan, in which what is gone from the playbook goes from the host.
    ///
    /// # Errors
    /// When the host does not answer as it should, or no plan can be made.
    pub async fn plan_and_prune(&self, built: &mut Built) -> Result<(Facts, Plan), SessionError> {
        let facts = self.read(&built.desired).await?;
        if built.prune(&facts)? {
            // More must be known for that.
            return self.plan(&built.desired).await;
        }
        let plan = self.plan_from(&built.desired, &facts)?;
        Ok((facts, plan))
    }

    fn plan_from(&self, desired: &Desired, facts: &Facts) -> Result<Plan, PlanError> {
        Ok(Plan {
            host: self.login(),
            address: self.reached().to_string(),
            ..plan(desired, facts)?
        })
    }

    /// Runs a job, and tells `observe` how it goes.
    ///
    /// # Errors
    /// When it is not known how the run ended.
    pub async fn run(
        &mut self,
        job: Job<'_>,
        observe: &mut dyn FnMut(&Event),
    ) -> Result<run::Outcome, RunError> {
        run::run(&mut self.connection, &self.access, job, observe).await
    }

    /// What a script prints on the host, which writes nothing there.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn ask(&self, script: String) -> Result<Vec<u8>, SshError> {
        self.printed(Script::open(script)).await
    }

    /// What a script prints on the host.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn printed(&self, script: Script) -> Result<Vec<u8>, SshError> {
        Ok(self.connection.output(script).await?.stdout)
    }

    /// Connects once more.
    ///
    /// # Errors
    /// When the host cannot be reached or logged in to; then the old connection stays.
    pub async fn reconnect(&mut self) -> Result<(), SshError> {
        self.connection = Connection::open(&self.access.target, &self.access.options).await?;
        Ok(())
    }

    /// Starts a script on the host, as root.
    ///
    /// # Errors
    /// When the host does not let it start.
    pub async fn start(&self, script: Script) -> Result<Exec, SshError> {
        self.connection.exec(script).await
    }

    /// Asks every check until it is right or its time is up. The order is that of the checks.
    ///
    /// # Errors
    /// When the host itself does not answer.
    pub async fn check(&self, desired: &Desired) -> Result<Vec<Outcome>, SshError> {
        let checks = &desired.checks;
        let start = Instant::now();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; checks.len()];
        let mut pause = Duration::from_millis(100);
        loop {
            let is_open = |index: &usize| match &outcomes[*index] {
                None => true,
                Some(outcome) => {
                    let within = Duration::from_secs(checks[*index].within.into());
                    outcome.wrong.is_some() && start.elapsed() < within
                }
            };
            let again: Vec<usize> = (0..checks.len()).filter(is_open).collect();
            if again.is_empty() {
                return Ok(outcomes.into_iter().flatten().collect());
            }
            if outcomes.iter().any(Option::is_some) {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            let (on_it, from_here): (Vec<usize>, Vec<usize>) =
                again.iter().partition(|index| checks[**index].from == From::Host);
            let (there, here) = tokio::join!(
                self.ask_on_host(desired, &on_it),
                self.ask_from_here(checks, &from_here)
            );
            for (index, outcome) in on_it.into_iter().zip(there?).chain(here) {
                outcomes[index] = Some(outcome);
            }
        }
    }

    async fn ask_on_host(&self, desired: &Desired, which: &[usize]) -> Result<Vec<Outcome>, SshError> {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<&Check> = which.iter().map(|index| &desired.checks[*index]).collect();
        let script = on_host::script(&asked);
        // Quoted within quotes a secret could not be found in the script.
        let script = match desired.secrets.is_empty() {
            true => Script::open(script),
            false => Script::hidden(script),
        };
        let output = self.connection.output(script).await?;
        Ok(on_host::judge(&asked, &output.stdout))
    }

    async fn ask_from_here(&self, checks: &[Check], which: &[usize]) -> Vec<(usize, Outcome)> {
        let mut asking = JoinSet::new();
        for index in which.iter().copied() {
            let (check, host) = (checks[index].clone(), self.address());
            let way = self.reached().to_string();
            asking.spawn(async move {
                let outcome = match host {
                    Some(host) => here::ask(&check, host).await,
                    None => Outcome {
                        name: check.name,
                        wrong: Some(format!(
                            "this machine knows no address of the host ({way}): ask it `from: host`"
                        )),
                    },
                };
                (index, outcome)
            });
        }
        asking.join_all().await
    }

    /// The host, as it was asked for.
    pub fn target(&self) -> &Target {
        &self.access.target
    }

    /// The host's address, if this machine knows it.
    pub fn address(&self) -> Option<IpAddr> {
        self.connection.address()
    }

    /// The address and port that were reached, which the SSH configuration may make other than the name says.
    pub fn reached(&self) -> &Reached {
        self.connection.reached()
    }

    /// `user@host`.
    pub fn login(&self) -> String {
        format!("{}@{}", self.connection.user(), self.connection.host())
    }

    /// `user@host` for messages, with the address that was reached where that says more.
    pub fn name(&self) -> String {
        format!("{}@{}", self.connection.user(), self.connection.named())
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.connection.close().await;
    }
}
