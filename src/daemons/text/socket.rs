//! Addresses and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and a TCP port at which something listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    /// The address; an unspecified one stands for all of its family.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

impl Socket {
    /// All addresses of IPv4.
    pub fn any(port: u16) -> Self {
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self { address, port }
    }

    /// All addresses of IPv6.
    pub fn any6(port: u16) -> Self {
        let address = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Self { address, port }
    }

    /// Whether only one of two can be had.
    pub fn meets(&self, other: &Self) -> bool {
        let any = self.address.is_unspecified() || other.address.is_unspecified();
        self.port == other.port
            && self.address.is_ipv4() == other.address.is_ipv4()
            && (any || self.address == other.address)
    }

    /// What `ADDRESS:PORT` stands for, as daemons and `ss` write it: both families where the address is `*`.
    pub fn read(text: &str) -> Vec<Self> {
        let Some((address, port)) = text.rsplit_once(':') else {
            return Vec::new();
        };
        let Ok(port) = port.parse() else { return Vec::new() };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        // An interface stands behind it: `127.0.0.53%lo`.
        let address = address.split('%').next().unwrap_or_default();
        match address {
            "*" | "" => vec![Self::any(port), Self::any6(port)],
            "localhost" => vec![Self {
                address: Ipv4Addr::LOCALHOST.into(),
                port,
            }],
            _ => address
                .parse()
                .ok()
                .map(|address| Self { address, port })
                .into_iter()
                .collect(),
        }
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_or_both() {
        for (one, other, meet) in [
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "10.0.0.1:80", false),
            ("0.0.0.0:80", "0.0.0.0:81", false),
            ("0.0.0.0:80", "[::]:80", false),
            ("[::]:80", "[::1]:80", true),
            ("*:80", "[::1]:80", true),
            ("*:80", "127.0.0.53%lo:80", true),
        ] {
            let (one, other) = (Socket::read(one), Socket::read(other));
            let met = one.iter().any(|one| other.iter().any(|other| one.meets(other)));
            assert_eq!(met, meet, "{one:?} {other:?}");
        }
        for none in ["unix:/run/x", "somewhere:80", "80", "*:*"] {
            assert_eq!(Socket::read(none), [], "{none}");
        }
    }
}
