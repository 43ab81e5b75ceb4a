//! Why a host cannot be reached by SSH, as far as this machine can tell.

use std::net::SocketAddr;
use std::time::Duration;

use miette::Diagnostic;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::{Finding, Gravity};
use crate::host::ssh::SshError;

/// How long a port may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where sites answer, and where sshd is often put.
const PORTS: [u16; 4] = [80, 443, 22, 2222];

/// What is wrong with the way; none where it is this machine's own configuration.
pub(super) async fn find(error: &SshError) -> Option<Finding> {
    let address = reached(error).and_then(|address| address.parse().ok());
    let others = match address {
        Some(address) => knock(address).await,
        None => Others::default(),
    };
    explained(error, &others)
}

/// The address that an error is about, where no word of SSH was spoken.
fn reached(error: &SshError) -> Option<&str> {
    match error {
        SshError::Refused { address, .. }
        | SshError::Connect { address, .. }
        | SshError::Timeout { address, .. }
        | SshError::NotSsh { address, .. }
        | SshError::Closed { address, .. } => Some(address),
        _ => None,
    }
}

/// Which other ports of a host answer, and where it speaks SSH.
#[derive(Debug, Default)]
struct Others {
    open: Vec<u16>,
    ssh: Option<u16>,
}

async fn knock(address: SocketAddr) -> Others {
    let mut others = Others::default();
    let mut knocks = tokio::task::JoinSet::new();
    for port in PORTS.into_iter().filter(|port| *port != address.port()) {
        let to = SocketAddr::new(address.ip(), port);
        knocks.spawn(async move {
            let mut stream = timeout(PATIENCE, TcpStream::connect(to)).await.ok()?.ok()?;
            let mut first = [0; 4];
            let reads_first = [22, 2222].contains(&port);
            let speaks = reads_first
                && timeout(PATIENCE, stream.read_exact(&mut first))
                    .await
                    .is_ok_and(|read| read.is_ok())
                && &first == b"SSH-";
            Some((port, speaks))
        });
    }
    for (port, speaks) in knocks.join_all().await.into_iter().flatten() {
        others.open.push(port);
        others.ssh = others.ssh.or(speaks.then_some(port));
    }
    others.open.sort_unstable();
    others
}

fn explained(error: &SshError, others: &Others) -> Option<Finding> {
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    let found = |kind, what: &str, cause: String| {
        Finding::new(kind, Gravity::Down, what, cause).seen(error.to_string())
    };
    let unreachable = "it cannot be reached by SSH";
    let shut = "it does not let us in";
    let open = match &others.open[..] {
        [] => None,
        [one] => Some(format!("its port {one} answers")),
        several => Some(format!(
            "its ports {} answer",
            several.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
        )),
    };
    let elsewhere = others.ssh.map(|port| format!("it speaks SSH at port {port}"));
    let console = "in the provider's console";
    Some(match error {
        SshError::Config { .. } | SshError::Unfollowed { .. } | SshError::KnownHosts { .. } | SshError::KeyFile { .. } => {
            return None;
        }
        SshError::Refused { .. } | SshError::Timeout { .. } | SshError::NotSsh { .. } if others.ssh.is_some() => {
            let port = others.ssh.unwrap_or_default();
            found("ssh.other-port", unreachable, "its sshd listens at another port".into())
                .all_seen(elsewhere)
                .mend(format!("give the port: HOST:{port}, or `Port {port}` in ~/.ssh/config"))
        }
        SshError::Refused { .. } => found(
            "ssh.refused",
            unreachable,
            "the host is there, and nothing takes connections at the port: sshd does not run, listens elsewhere, or a ban of this machine's address refuses them (fail2ban, `ufw limit`)".into(),
        )
        .all_seen(open)
        .mend(format!(
            "wait a minute and try once more; then, {console}: `systemctl start ssh`, `ss -Hltnp | grep sshd` for its port, `fail2ban-client status sshd` for bans"
        )),
        SshError::Timeout { .. } | SshError::Connect { .. } => {
            let cause = match (error, others.open.is_empty()) {
                (_, false) => "a firewall drops what is sent to the port; the host itself is up",
                (SshError::Connect { .. }, true) => "this machine has no way to the address",
                (_, true) => "the host is down, has another address, or a firewall drops all that is sent to it",
            };
            found("ssh.filtered", unreachable, cause.into()).all_seen(open).mend(format!(
                "see in the provider's control panel whether it runs, at which address, and that its firewall lets the port in; {console}: `ufw status`"
            ))
        }
        SshError::Resolve { .. } => found("ssh.name", unreachable, "its name has no address".into()).mend(help),
        SshError::NotSsh { .. } => found("ssh.other-service", unreachable, "something else listens at the port".into()).mend(help),
        SshError::TurnedAway { .. } => found("ssh.banned", shut, "its sshd takes no connection from here for a while".into()).mend(help),
        SshError::Closed { .. } => found(
            "ssh.banned",
            shut,
            "it ends connections from here before a word is said: a ban (hosts.deny, fail2ban), or too many at once".into(),
        )
        .all_seen(open)
        .mend(help),
        SshError::ChangedKey(_) | SshError::OtherFingerprint { .. } => found(
            "ssh.host-key-changed",
            "it is not the host that is known here",
            "it shows another key: it was installed anew, another host has its address, or somebody listens in between".into(),
        )
        .mend(help),
        SshError::UnknownKey { .. } => found("ssh.host-key-unknown", "nobody here knows it yet", "this machine has not met it".into()).mend(help),
        SshError::RevokedKey { .. } => found("ssh.host-key-revoked", "its key is revoked", "somebody has marked it so".into()).mend(help),
        SshError::Auth { .. } | SshError::Besides { .. } | SshError::EncryptedKey { .. } => {
            found("ssh.key-refused", shut, "it takes none of the keys that were shown, or wants more".into()).mend(help)
        }
        SshError::Hop { cause, .. } => {
            let inner = explained(cause, &Others::default())?;
            Finding { what: unreachable.into(), ..inner }.seen(error.to_string())
        }
        _ => found("ssh.fails", shut, error.to_string()).mend(help),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: &SshError, open: &[u16], ssh: Option<u16>) -> &'static str {
        let others = Others {
            open: open.to_vec(),
            ssh,
        };
        let found = explained(error, &others).expect("a finding");
        assert!(!found.mend.is_empty() && !found.evidence.is_empty(), "{found:?}");
        found.kind
    }

    #[test]
    fn what_else_answers_tells_causes_apart() {
        let (host, address) = ("web".to_owned(), "203.0.113.7:22".to_owned());
        let refused = SshError::Refused {
            host: host.clone(),
            address: address.clone(),
        };
        let late = SshError::Timeout {
            host: host.clone(),
            address,
            seconds: 10,
        };
        assert_eq!(kind(&refused, &[], None), "ssh.refused");
        assert_eq!(kind(&refused, &[80, 2222], Some(2222)), "ssh.other-port");
        assert_eq!(kind(&late, &[80], None), "ssh.filtered");
        let up = explained(
            &late,
            &Others {
                open: vec![80],
                ssh: None,
            },
        )
        .expect("a finding");
        let down = explained(&late, &Others::default()).expect("a finding");
        assert!(up.cause.contains("the host itself is up"), "{up:?}");
        assert!(down.cause.contains("the host is down"), "{down:?}");
        let own = SshError::Config { cause: "x".into() };
        assert!(explained(&own, &Others::default()).is_none());
        let hop = SshError::Hop {
            host,
            hop: "gate".into(),
            cause: Box::new(refused),
        };
        assert_eq!(kind(&hop, &[], None), "ssh.refused");
    }
}
