//! Traffic that a rule is about, and how two of them lie to each other.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address or a range: write `203.0.113.7` or `10.0.0.0/8`");
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if prefix > most {
            return Err(wrong());
        }
        // ufw stores a range by its first address.
        let host_bits = u32::from(most - prefix);
        let address = match address {
            IpAddr::V4(ip) => {
                IpAddr::V4((ip.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)).into())
            }
            IpAddr::V6(ip) => {
                IpAddr::V6((ip.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).into())
            }
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix == whole {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }
}

impl Network {
    pub fn is_v6(self) -> bool {
        self.address.is_ipv6()
    }

    fn covers(self, other: Self) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let shift = 128 - u32::from(self.prefix);
        self.is_v6() == other.is_v6()
            && self.prefix <= other.prefix
            && (shift == 128 || bits(self.address) >> shift == bits(other.address) >> shift)
    }
}

/// Reads a port or a range of ports.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
    (from > 0 && from <= to).then_some((from, to))
}

/// What a rule is about; what is empty is anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub protocol: String,
    pub ports: Vec<(u16, u16)>,
    pub source_ports: Vec<(u16, u16)>,
    pub from: Option<Network>,
    pub to: Option<Network>,
    pub interface: Option<String>,
}

impl Traffic {
    /// Whether the rule that is about this is about all of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let protocol = match (self.protocols(), other.protocols()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => theirs.iter().all(|one| ours.contains(one)),
        };
        let network = |ours: Option<Network>, theirs: Option<Network>| {
            ours.is_none_or(|ours| theirs.is_some_and(|theirs| ours.covers(theirs)))
        };
        protocol
            && ports_cover(&self.ports, &other.ports)
            && ports_cover(&self.source_ports, &other.source_ports)
            && network(self.from, other.from)
            && network(self.to, other.to)
            && (self.interface.is_none() || self.interface == other.interface)
    }

    /// Whether there is anything that both are about.
    pub fn meets(&self, other: &Self) -> bool {
        let protocol = match (self.protocols(), other.protocols()) {
            (Some(ours), Some(theirs)) => theirs.iter().any(|one| ours.contains(one)),
            _ => true,
        };
        let network = |ours: Option<Network>, theirs: Option<Network>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => ours.covers(theirs) || theirs.covers(ours),
            _ => true,
        };
        let interface = match (&self.interface, &other.interface) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        protocol
            && ports_meet(&self.ports, &other.ports)
            && ports_meet(&self.source_ports, &other.source_ports)
            && network(self.from, other.from)
            && network(self.to, other.to)
            && interface
    }

    /// The protocols; none means all there are. ufw takes ports without a protocol for both that have ports.
    fn protocols(&self) -> Option<Vec<&str>> {
        match self.protocol.as_str() {
            "" if self.ports.is_empty() && self.source_ports.is_empty() => None,
            "" => Some(vec!["tcp", "udp"]),
            one => Some(vec![one]),
        }
    }
}

fn ports_cover(ours: &[(u16, u16)], theirs: &[(u16, u16)]) -> bool {
    let within = |(from, to): &(u16, u16)| ours.iter().any(|(least, most)| least <= from && to <= most);
    ours.is_empty() || (!theirs.is_empty() && theirs.iter().all(within))
}

fn ports_meet(ours: &[(u16, u16)], theirs: &[(u16, u16)]) -> bool {
    let touches = |(from, to): &(u16, u16)| ours.iter().any(|(least, most)| least <= to && from <= most);
    ours.is_empty() || theirs.is_empty() || theirs.iter().any(touches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn traffic(protocol: &str, ports: &[(u16, u16)], from: &str) -> Traffic {
        Traffic {
            protocol: protocol.into(),
            ports: ports.into(),
            from: from.parse().ok(),
            ..Traffic::default()
        }
    }

    #[test]
    fn one_rule_is_about_more_than_another() {
        let all = Traffic::default();
        let web = traffic("tcp", &[(80, 80), (443, 443)], "");
        let tls = traffic("tcp", &[(443, 443)], "");
        let both = traffic("", &[(443, 443)], "");
        let near = traffic("tcp", &[(443, 443)], "10.0.0.0/8");
        let esp = traffic("esp", &[], "");
        for (wide, narrow) in [
            (&all, &web),
            (&web, &tls),
            (&both, &tls),
            (&tls, &near),
            (&all, &esp),
        ] {
            assert!(wide.covers(narrow) && !narrow.covers(wide), "{wide:?} {narrow:?}");
            assert!(wide.meets(narrow) && narrow.meets(wide), "{wide:?} {narrow:?}");
        }
        for (one, other) in [
            (&web, &esp),
            (&both, &esp),
            (&near, &traffic("tcp", &[], "11.0.0.0/8")),
        ] {
            assert!(!one.meets(other) && !other.meets(one), "{one:?} {other:?}");
        }
        let inside = Traffic {
            interface: Some("eth1".into()),
            ..all.clone()
        };
        let to = Traffic {
            to: "198.51.100.7".parse().ok(),
            ..tls.clone()
        };
        assert!(inside.meets(&tls) && !inside.covers(&tls));
        assert!(tls.covers(&to) && !to.covers(&tls));
    }

    #[test]
    fn networks_lie_in_each_other() {
        let covers = |wide: &str, narrow: &str| {
            let read = |text: &str| text.parse::<Network>().expect("a network");
            read(wide).covers(read(narrow))
        };
        assert!(covers("10.0.0.7/8", "10.200.1.1"));
        assert!(covers("0.0.0.0/0", "10.0.0.0/8"));
        assert!(covers("fe80::/10", "fe80::1"));
        assert!(!covers("10.0.0.0/8", "11.0.0.1"));
        assert!(!covers("10.0.0.1", "10.0.0.0/8"));
        assert!(!covers("0.0.0.0/0", "::1"));
    }

    proptest! {
        #[test]
        fn what_covers_meets(a in 0_u8..=32, b in 0_u8..=32, x: u32, y: u32, low in 1_u16..99, high in 1_u16..99) {
            let net = |bits: u32, prefix| Network::from_str(&format!("{}/{prefix}", std::net::Ipv4Addr::from(bits))).ok();
            let one = Traffic { from: net(x, a), ports: vec![(low.min(high), low.max(high))], ..Traffic::default() };
            let other = Traffic { from: net(y, b), ports: vec![(low, low)], protocol: "tcp".into(), ..Traffic::default() };
            prop_assert!(one.covers(&one));
            prop_assert!(!one.covers(&other) || one.meets(&other));
            prop_assert_eq!(one.meets(&other), other.meets(&one));
        }
    }
}
