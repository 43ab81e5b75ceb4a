//! sshd's ports (sshd_config(5)).

use std::net::IpAddr;

use super::socket::Socket;

pub(super) fn is_file(path: &str) -> bool {
    path == "/etc/ssh/sshd_config" || path.starts_with("/etc/ssh/sshd_config.d/") && path.ends_with(".conf")
}

/// Where it listens, as far as this one of its files says: at the ports, unless addresses are named.
pub(super) fn sockets(text: &str) -> Vec<Socket> {
    let mut ports = Vec::new();
    let mut addresses = Vec::new();
    for line in text.lines() {
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        let (Some(key), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        let value = value.trim_matches('"');
        match key.to_ascii_lowercase().as_str() {
            "match" => break,
            "port" => ports.extend(value.parse::<u16>()),
            "listenaddress" => addresses.push(value),
            _ => {}
        }
    }
    if addresses.is_empty() {
        return ports
            .into_iter()
            .flat_map(|port| [Socket::any(port), Socket::any6(port)])
            .collect();
    }
    let at_ports = |address: IpAddr| ports.iter().map(move |port| Socket { address, port: *port });
    let read = |text: &&str| match text.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => at_ports(address).collect(),
        Err(_) => Socket::read(text),
    };
    addresses.iter().flat_map(read).collect()
}
