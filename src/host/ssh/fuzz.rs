//! What reads files of OpenSSH's formats, as functions that take any bytes ([`crate::fuzz`]).

use std::path::Path;

use super::known_hosts::{KnownHosts, Verdict};

/// Lines of known_hosts, asked about hosts and the first key that they hold.
pub fn known_hosts(bytes: &[u8]) {
    let mut known = KnownHosts::default();
    known.add(Path::new("known_hosts"), &String::from_utf8_lossy(bytes));
    for (host, port) in [("Web.example.com", 22), ("192.0.2.7", 2222), ("", 0)] {
        let _ = (known.algorithms(host, port), known.authorities(host, port));
        if let Some(key) = known.keys().next() {
            let _ = matches!(known.check(host, port, key), Verdict::Known);
        }
    }
}

/// A configuration, as it holds for a host where the program `ssh` is not there.
pub fn ssh_config(bytes: &[u8]) {
    super::config::read_any(&String::from_utf8_lossy(bytes));
}
