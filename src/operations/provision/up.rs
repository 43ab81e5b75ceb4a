//! What somebody wants to know of a machine that runs as a playbook says.

use std::net::IpAddr;

use super::event::{Known, Up};
use crate::daemons::text;
use crate::desired::Desired;
use crate::desired::check::{From, Probe};
use crate::transaction::run::Access;

/// Where it is, how to enter it, what it costs.
pub fn up(known: Known, desired: &Desired, access: &Access) -> Up {
    let address = known.priced.machine.address;
    let known_hosts = access.options.known_hosts.as_ref();
    let known_hosts = known_hosts.map(|file| format!("-o UserKnownHostsFile={} ", file.display()));
    let identity = access.options.identity.as_ref();
    let identity = identity.map(|file| format!("-i {} ", file.display()));
    Up {
        url: address.and_then(|address| url(desired, address)),
        enter: format!(
            "ssh {}{}root@{}",
            identity.unwrap_or_default(),
            known_hosts.unwrap_or_default(),
            access.target.host
        ),
        known,
    }
}

/// Where a browser finds what the playbook serves: where its own checks look from here, or at its web ports.
fn url(desired: &Desired, address: IpAddr) -> Option<String> {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let checked = desired.checks.iter().find_map(|check| match &check.probe {
        Probe::Http { url, .. } if check.from == From::Here => {
            let url = url.replacen("HOST", &host, 1);
            let (scheme, rest) = url.split_once("://")?;
            Some(format!(
                "{scheme}://{}/",
                rest.split('/').next().unwrap_or_default()
            ))
        }
        _ => None,
    });
    checked.or_else(|| {
        let entries = desired.entries.iter();
        let texts = entries.flat_map(|entry| entry.resource.texts());
        let listening =
            texts.filter_map(|(path, text)| text::listening(&path, &String::from_utf8_lossy(text)));
        let sites = listening.filter(|listening| listening.process == "nginx");
        let ports: Vec<u16> = sites
            .flat_map(|site| site.sockets)
            .map(|socket| socket.port)
            .collect();
        let scheme = [(443, "https"), (80, "http")]
            .into_iter()
            .find(|(port, _)| ports.contains(port));
        scheme.map(|(_, scheme)| format!("{scheme}://{host}/"))
    })
}
