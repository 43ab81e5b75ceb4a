//! What is asked to find what is wrong with a host: the host in one round trip, and from here meanwhile what can be seen
//! from outside.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::seen::{Here, Seen};
use super::{Diagnosis, findings, way};
use crate::host::ssh::{Script, SshError};
use crate::operations::session::Session;
use crate::operations::status::ask::questions;
use crate::playbook::load::secrets_of;
use crate::secret::Secrets;
use crate::shell;
use crate::transaction::run::Access;

/// How it is asked by HTTP.
const HTTP: &str = include_str!("http.pl");

/// What is asked, by family.
const SCRIPTS: [&str; 4] = [
    include_str!("programs.sh"),
    include_str!("sites.sh"),
    include_str!("machine.sh"),
    include_str!("doctor.sh"),
];

/// Where sites answer.
const PORTS: [u16; 2] = [80, 443];

/// How long a port, or a name server, may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why it is not known what is wrong with a host.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DoctorError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say what may be wrong with it: its answer ended early, or began with other text")]
    #[diagnostic(help(
        "run it again; `hostwright exec TARGET -- true` shows whether the host runs commands"
    ))]
    Answer {
        /// The host.
        host: String,
    },
}

/// What is wrong with a host, what of it must not be shown, and the connection where there is one.
pub struct Examined {
    /// What was found.
    pub diagnosis: Diagnosis,
    /// What must not be shown.
    pub secrets: Secrets,
    /// The connection; none where the host cannot be reached, which then is what was found.
    pub session: Option<Session>,
}

/// Connects to a host and looks for what is wrong with it. That it cannot be reached is a finding, too.
///
/// # Errors
/// When this machine's own configuration is in the way, or the host does not answer as it should.
pub async fn examine(access: Access) -> Result<Examined, DoctorError> {
    let host = access.target.to_string();
    match Session::open(access).await {
        Ok(session) => {
            let (diagnosis, secrets) = look(&session).await?;
            Ok(Examined {
                diagnosis,
                secrets,
                session: Some(session),
            })
        }
        Err(error) => match way::find(&error).await {
            Some(finding) => Ok(Examined {
                diagnosis: Diagnosis {
                    host,
                    findings: vec![finding],
                },
                secrets: Secrets::default(),
                session: None,
            }),
            None => Err(error.into()),
        },
    }
}

/// Looks for what is wrong with a host.
///
/// # Errors
/// When the host does not answer as it should.
pub async fn look(session: &Session) -> Result<(Diagnosis, Secrets), DoctorError> {
    let script = format!("{}http={}\n{}", questions(), shell::quote(HTTP), SCRIPTS.concat());
    let begun = Instant::now();
    let (answer, ports) = tokio::join!(session.ask(script), ports(session.address()));
    let took = begun.elapsed().as_secs() + 1;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let host = session.name();
    let Some(mut seen) = Seen::read(&answer?, &host) else {
        return Err(DoctorError::Answer { host });
    };
    let names: Vec<String> = seen.all("resolved").map(|(name, _)| name.to_owned()).collect();
    seen.here = Here {
        now: now.ok().map(|now| (now.as_secs(), took)),
        address: session.address(),
        ports,
        names: resolved(names).await,
    };
    let mut secrets = Secrets::default();
    for (_, bundle) in seen.all("bundle") {
        if let Ok(bundle) = serde_json::from_str(bundle) {
            secrets.extend(&secrets_of(&bundle));
        }
    }
    let findings = findings(&seen);
    Ok((Diagnosis { host, findings }, secrets))
}

/// Which ports of the host take a connection from here.
async fn ports(address: Option<IpAddr>) -> BTreeMap<u16, bool> {
    let mut knocks = tokio::task::JoinSet::new();
    for (address, port) in address
        .into_iter()
        .flat_map(|address| PORTS.map(|port| (address, port)))
    {
        knocks.spawn(async move {
            let connect = TcpStream::connect(SocketAddr::new(address, port));
            (
                port,
                timeout(PATIENCE, connect)
                    .await
                    .is_ok_and(|connected| connected.is_ok()),
            )
        });
    }
    knocks.join_all().await.into_iter().collect()
}

/// What addresses names have for this machine.
async fn resolved(names: Vec<String>) -> BTreeMap<String, Vec<IpAddr>> {
    let mut asked = tokio::task::JoinSet::new();
    for name in names {
        asked.spawn(async move {
            let found = timeout(PATIENCE, lookup_host((name.clone(), 443))).await;
            let found = found.ok().and_then(Result::ok);
            let found = found.into_iter().flatten().map(|socket| socket.ip());
            (name, found.collect())
        });
    }
    asked.join_all().await.into_iter().collect()
}

/// Runs a command that mends something, and returns its exit status and what it said.
///
/// # Errors
/// When the host does not let it run.
pub async fn mend(session: &Session, command: &str) -> Result<(i32, String), SshError> {
    let script = Script::hidden(format!("exec </dev/null 2>&1\n{command}\n"));
    let output = session.start(script).await?.output().await?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((output.status, said))
}
