//! Files that sshd reads. One that is wrong would lock everyone out, if not now then when sshd next starts: so it
//! is checked before it is live (as in `managed.rs`), sshd starts from it in the same step, and the step is undone
//! unless a new connection gets in.

use super::file::Plain;
use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;

/// Restarts sshd, which leaves the sessions that are open; unlike a reload it returns when the new one listens.
/// systemd would refuse the sixth start within ten seconds (systemd.unit(5), StartLimitBurst).
///
/// Where systemd listens (Ubuntu 22.10 and later), the ports are its socket's, which Ubuntu makes of sshd's. A
/// socket that could not take a port is `failed` and not active: that it was active is noted, so that the same
/// commands start it again. It does not start under a service that runs.
const RESTART: &str = r#"systemctl reset-failed ssh.service ssh.socket 2>/dev/null || true
if systemctl is-active --quiet ssh.socket; then : >"$keeping/ssh.socket"; fi
if [ -e "$keeping/ssh.socket" ]; then
  systemctl daemon-reload
  systemctl stop ssh.socket ssh.service
  systemctl start ssh.socket || { journalctl -q --no-pager -o cat -n 4 -u ssh.socket; false; }
fi
systemctl restart ssh.service"#;

/// Whether sshd reads the file at `path`.
pub(super) fn reads(path: &str) -> bool {
    let included = path.strip_prefix("/etc/ssh/sshd_config.d/");
    path == "/etc/ssh/sshd_config" || included.is_some_and(|name| name.ends_with(".conf"))
}

/// A file that sshd reads.
#[derive(Debug)]
pub(super) struct Config(pub Plain);

impl Config {
    /// The name by which the host remembers what sshd was started with.
    fn name(&self) -> String {
        let path = &self.0.file.path;
        format!("sshd.{}", path.rsplit('/').next().unwrap_or(path))
    }
}

impl Resource for Config {
    fn id(&self) -> &Id {
        self.0.id()
    }

    fn provides(&self) -> Vec<Ref> {
        self.0.provides()
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = self.0.needs();
        needs.push(Ref::Package("openssh-server".into()));
        needs
    }

    fn version(&self) -> Option<String> {
        self.0.version()
    }

    fn ask(&self, questions: &mut Questions) {
        self.0.ask(questions);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let value = &self.0.file.content.sha256;
        let loaded = cx.facts.loaded(&self.name()) == Some(value);
        let mut change = match self.0.diff(cx)?.pop() {
            Some(change) => change,
            None if loaded => return Ok(Vec::new()),
            None => Change::new(self.id(), Verb::Run, "restart sshd")
                .note(format!("it is not known to run with {}", self.0.file.path)),
        };
        let name = self.name();
        change.actions.insert(0, Action::Unloaded { name: name.clone() });
        let value = value.clone();
        change = change
            .note("sshd -t, then restart; open sessions stay")
            .shell(RESTART)
            .if_access_stays()
            .action(Action::Loaded { name, value });
        change.recover = Some(RESTART.into());
        Ok(vec![change])
    }
}

/// Whether systemd's `unit` is how people get in.
pub(super) fn runs_as(unit: &str) -> bool {
    matches!(unit, "ssh.service" | "sshd.service" | "ssh.socket")
}

#[cfg(test)]
mod tests {
    use super::reads;

    #[test]
    fn sshd_reads_its_file_and_what_that_includes() {
        for path in ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/10-keys.conf"] {
            assert!(reads(path), "{path}");
        }
        for path in [
            "/etc/ssh/ssh_config",
            "/etc/ssh/sshd_config.d/README",
            "/etc/ssh/sshd_config.bak",
        ] {
            assert!(!reads(path), "{path}");
        }
    }
}
