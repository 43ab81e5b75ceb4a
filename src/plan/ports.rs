//! Ports at which a daemon will listen, as its own text says: no other process may hold them.

use crate::daemons::text::{self, Socket};
use crate::desired::{Context, Refusal, Resource, texts};

/// Refuses what would find its port taken.
///
/// # Errors
/// When another process holds a port, and nothing in this plan may end it before.
pub(super) fn refuse_taken(resource: &dyn Resource, cx: &Context<'_>) -> Result<(), Refusal> {
    let texts = texts(resource, cx.entries).into_iter();
    for wanted in texts.filter_map(|(path, text)| text::listening(&path, text)) {
        for socket in &wanted.sockets {
            let process = wanted.process;
            let Some(holder) = holder(cx.facts.listening(), socket, process) else {
                continue;
            };
            // A package starts its daemon when it is installed: before any unit is stopped.
            if cx.ends(holder.unit) && !(process == "nginx" && cx.installs(process)) {
                continue;
            }
            let Holder { name, pid, unit } = holder;
            let (of, stop) = match unit {
                "" => (String::new(), format!("`kill {pid}`")),
                unit => (format!(" of {unit}"), format!("`systemctl disable --now {unit}`")),
            };
            let port = socket.port;
            return Err(Refusal {
                id: resource.id().clone(),
                cause: format!(
                    "port {port} is held by {name} (process {pid}{of}), so {process} cannot listen there"
                ),
                mend: format!("stop it first ({stop}), or take another port"),
            });
        }
    }
    Ok(())
}

/// Who holds a port.
#[derive(Debug, PartialEq, Eq)]
struct Holder<'a> {
    name: &'a str,
    pid: &'a str,
    /// The unit that it runs in; empty where none is known.
    unit: &'a str,
}

/// The process that has `wanted`, in what `ss -ltnpH` prints, unless it is `own`. systemd itself has the sockets of
/// its units, among them sshd's.
fn holder<'a>(sockets: &'a str, wanted: &Socket, own: &str) -> Option<Holder<'a>> {
    let is_own = |name: &str| name == own || own == "sshd" && name == "systemd";
    sockets.lines().find_map(|line| {
        let local = line.split_whitespace().nth(3)?;
        if !Socket::read(local).iter().any(|held| held.meets(wanted)) {
            return None;
        }
        let (_, users) = line.split_once("users:(")?;
        let mut processes = users
            .split("(\"")
            .filter_map(|process| process.split_once("\",pid="));
        let (name, rest) = processes.clone().next()?;
        if processes.any(|(name, _)| is_own(name)) {
            return None;
        }
        let pid = rest.split(',').next()?;
        Some(Holder {
            name,
            pid,
            unit: unit_of(sockets, pid).unwrap_or_default(),
        })
    })
}

/// The unit of the process `pid`.
fn unit_of<'a>(sockets: &'a str, pid: &str) -> Option<&'a str> {
    let units = sockets.lines().filter_map(|line| line.strip_prefix("@unit "));
    units
        .filter_map(|line| line.split_once(' '))
        .find(|(of, _)| *of == pid)
        .map(|(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_at_a_port_is_found() {
        let sockets =
            "LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=12,fd=6),(\"nginx\",pid=11,fd=6))
LISTEN 0 128 [::]:8080 [::]:* users:((\"a b\",pid=7,fd=3))
LISTEN 0 128 127.0.0.1:81 0.0.0.0:* users:((\"x\",pid=8,fd=3))
LISTEN 0 128 *:22 *:* users:((\"sshd\",pid=9,fd=3),(\"systemd\",pid=1,fd=3))
LISTEN 0 128 *:23 *:*
@unit 7 a.service
@unit 12 nginx.service";
        let held =
            |at: Socket, own: &str| holder(sockets, &at, own).map(|held| (held.name, held.pid, held.unit));
        assert_eq!(held(Socket::any(80), "x"), Some(("nginx", "12", "nginx.service")));
        assert_eq!(held(Socket::any(80), "nginx"), None);
        assert_eq!(held(Socket::any6(8080), "nginx"), Some(("a b", "7", "a.service")));
        assert_eq!(held(Socket::any(8080), "nginx"), None, "the other family");
        assert_eq!(held(Socket::any(81), "nginx"), Some(("x", "8", "")));
        let here = Socket::read("127.0.0.2:81")[0];
        assert_eq!(held(here, "nginx"), None, "another address");
        assert_eq!(held(Socket::any(22), "nginx"), Some(("sshd", "9", "")));
        assert_eq!(held(Socket::any6(22), "systemd"), None);
        assert_eq!(held(Socket::any(23), "nginx"), None, "nobody is named");
        assert_eq!(held(Socket::any(8), "nginx"), None);
    }
}
