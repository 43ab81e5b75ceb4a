//! One host, connected: read it, plan, run, check.

use std::net::IpAddr;

use super::event::Observe;
use super::playbook::{BuildError, Built, Proved};
use crate::desired::Desired;
use crate::facts::{DecodeError, Facts, Questions, decode, decode_first, script};
use crate::host::ssh::{self, Connection, Exec, Person, Reached, Script, SshError};
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
pub async fn connect(
    proved: Proved,
    access: Access,
    observe: &mut Observe<'_>,
) -> Result<(Built, Session), ConnectError> {
    let build = async { Ok(proved.build(observe).await?) };
    let session = async { Ok(Session::open(access).await?) };
    tokio::try_join!(build, session)
}

/// A host's answer to a probe.
pub(super) struct Probed {
    pub facts: Facts,
    /// What its script has said after it, and may go on to say.
    pub said: Vec<u8>,
    pub goes_on: Exec,
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

    /// Who can be asked.
    pub fn person(&self) -> Option<Person> {
        self.access.options.person.clone()
    }

    /// Reads what must be known for `desired`: one exec.
    ///
    /// # Errors
    /// When the host does not answer as it should.
    pub async fn read(&self, desired: &Desired) -> Result<Facts, SessionError> {
        let questions = desired.questions();
        let probed = self.probe(&questions, Script::open(script(&questions))).await?;
        probed.goes_on.output().await?;
        Ok(probed.facts)
    }

    /// Runs a script that first answers `questions`.
    ///
    /// # Errors
    /// When the host does not answer as it should.
    pub(super) async fn probe(&self, questions: &Questions, script: Script) -> Result<Probed, SessionError> {
        let mut goes_on = self.connection.exec(script).await?;
        let (mut stdout, mut stderr, mut status) = (Vec::new(), Vec::new(), 0);
        while let Some(event) = goes_on.next().await? {
            match event {
                ssh::Event::Fed(_) => {}
                ssh::Event::Stdout(bytes) => {
                    stdout.extend(bytes);
                    if let Ok((facts, rest)) = decode_first(questions, &stdout) {
                        let said = rest.to_vec();
                        return Ok(Probed { facts, said, goes_on });
                    }
                }
                ssh::Event::Stderr(bytes) => stderr.extend(bytes),
                ssh::Event::Exit(ended) => status = ended,
            }
        }
        if status != 0 && !stdout.starts_with(b"@") {
            let said = [stdout, stderr].concat();
            let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
            let host = self.connection.named().to_string();
            return Err(SessionError::Probe { host, status, said });
        }
        Err(match decode(questions, &stdout) {
            Err(error) => error.into(),
            Ok(_) => DecodeError::Cut(stdout.len()).into(),
        })
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

    pub(super) fn plan_from(&self, desired: &Desired, facts: &Facts) -> Result<Plan, PlanError> {
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
