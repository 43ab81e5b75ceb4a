//! Ports at which a daemon will listen: no other process may hold them.

use crate::change::Id;
use crate::desired::{Context, Listen, Refusal, Resource};

/// Refuses what would find its port taken.
///
/// # Errors
/// When another process holds a port, and this plan does not stop it first.
pub(super) fn refuse_taken(resource: &dyn Resource, cx: &Context<'_>) -> Result<(), Refusal> {
    for Listen { port, process } in resource.listens() {
        let Some((name, pid)) = holder(cx.facts.listening(), port) else {
            continue;
        };
        // A package starts its daemon when it is installed: before any unit is stopped.
        let stopped = cx.changed.contains(&Id::new("systemd", name)) && !cx.installs(process);
        if name != process && !stopped {
            return Err(Refusal {
                id: resource.id().clone(),
                cause: format!(
                    "port {port} is held by {name} (process {pid}), so {process} cannot listen there"
                ),
                mend: format!(
                    "stop it first (`systemctl disable --now` with its unit, which `systemctl status {pid}` names), or take another port"
                ),
            });
        }
    }
    Ok(())
}

/// The name and the id of the process that listens at `port`, in what `ss -ltnpH` prints.
fn holder(sockets: &str, port: u16) -> Option<(&str, &str)> {
    sockets.lines().find_map(|line| {
        let local = line.split_whitespace().nth(3)?;
        let (_, number) = local.rsplit_once(':')?;
        if number != port.to_string() {
            return None;
        }
        let (_, process) = line.split_once("users:((\"")?;
        let (name, rest) = process.split_once("\",pid=")?;
        Some((name, rest.split(',').next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::holder;

    #[test]
    fn the_process_at_a_port_is_found() {
        let sockets =
            "LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=12,fd=6),(\"nginx\",pid=11,fd=6))
LISTEN 0 128 [::]:8080 [::]:* users:((\"a b\",pid=7,fd=3))
LISTEN 0 128 *:22 *:*";
        assert_eq!(holder(sockets, 80), Some(("nginx", "12")));
        assert_eq!(holder(sockets, 8080), Some(("a b", "7")));
        assert_eq!(holder(sockets, 22), None, "nobody is named");
        assert_eq!(holder(sockets, 8), None);
    }
}
