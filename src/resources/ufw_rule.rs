//! ufw's rules: as a playbook writes them, as ufw stores them, and whom they let in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One rule for incoming traffic: `22/tcp`, `443`, `6000:6007/udp`, `22/tcp from 203.0.113.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub ports: (u16, u16),
    /// `tcp`, `udp`, or both when empty.
    pub protocol: String,
    pub from: Option<Network>,
}

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

impl Network {
    pub fn contains(self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, true),
            IpAddr::V6(ip) => (ip.to_bits(), false),
        };
        let ((ours, ours_v4), (theirs, theirs_v4)) = (bits(self.address), bits(address));
        let shift = 128 - u32::from(self.prefix);
        ours_v4 == theirs_v4 && (shift == 128 || ours >> shift == theirs >> shift)
    }
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
    (from > 0 && from <= to).then_some((from, to))
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a rule: write `22/tcp`, `6000:6007/udp` or `22/tcp from 203.0.113.7`")
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (what, from) = match words[..] {
            [what] => (what, None),
            [_, "from", from @ ("0.0.0.0/0" | "::/0")] => {
                return Err(format!(
                    "`{from}` is everyone: leave `from {from}` out of `{text}`"
                ));
            }
            [what, "from", from] => (what, Some(from.parse()?)),
            _ => return Err(wrong()),
        };
        let (numbers, protocol) = what.split_once('/').unwrap_or((what, ""));
        if !["", "tcp", "udp"].contains(&protocol) {
            return Err(wrong());
        }
        let ports = ports(numbers).ok_or_else(wrong)?;
        if ports.0 != ports.1 && protocol.is_empty() {
            return Err(format!(
                "`{text}` is a range, and ufw wants a protocol with it: `{numbers}/tcp`"
            ));
        }
        Ok(Self {
            ports,
            protocol: protocol.into(),
            from,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.port_text())?;
        if !self.protocol.is_empty() {
            write!(f, "/{}", self.protocol)?;
        }
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        Ok(())
    }
}

impl Rule {
    pub fn port_text(&self) -> String {
        match self.ports {
            (from, to) if from == to => from.to_string(),
            (from, to) => format!("{from}:{to}"),
        }
    }

    /// The words after `ufw` that add this rule.
    pub fn command(&self, action: &str) -> Vec<String> {
        let Some(from) = self.from else {
            return vec![action.into(), self.to_string()];
        };
        let mut words: Vec<String> = [action, "from"].map(str::to_owned).into();
        words.extend([
            from.to_string(),
            "to".into(),
            "any".into(),
            "port".into(),
            self.port_text(),
        ]);
        if !self.protocol.is_empty() {
            words.extend(["proto".into(), self.protocol.clone()]);
        }
        words
    }

    /// Whether it lets `client` in at the TCP port `port`.
    pub fn lets_in(&self, client: IpAddr, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
            && self.protocol != "udp"
            && self.from.is_none_or(|network| network.contains(client))
    }

    /// Reads a `### tuple ###` line of `user.rules` or `user6.rules`: action, protocol, ports, destination,
    /// source port, source, direction. Rules that are not of this shape (by interface, outgoing) are none.
    pub fn from_tuple(line: &str) -> Option<(String, Self)> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [action, protocol, numbers, _, "any", source, "in", ..] = words[..] else {
            return None;
        };
        let anywhere = matches!(source, "0.0.0.0/0" | "::/0");
        let from = if anywhere {
            None
        } else {
            Some(source.parse().ok()?)
        };
        let protocol = if protocol == "any" { "" } else { protocol };
        Some((
            action.to_owned(),
            Self {
                ports: ports(numbers)?,
                protocol: protocol.to_owned(),
                from,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_are_read_and_written() {
        for text in [
            "22/tcp",
            "443",
            "6000:6007/udp",
            "22/tcp from 203.0.113.7",
            "22 from 10.0.0.0/8",
        ] {
            assert_eq!(text.parse::<Rule>().map(|rule| rule.to_string()), Ok(text.into()));
        }
        for text in [
            "",
            "0/tcp",
            "22/icmp",
            "6000:6007",
            "22 form 1.2.3.4",
            "22/tcp from 1.2.3.4/33",
            "22/tcp from 0.0.0.0/0",
            "99999",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        let rule: Rule = "22/tcp from 10.1.2.3/8".parse().expect("a rule");
        assert_eq!(
            rule.command("allow").join(" "),
            "allow from 10.0.0.0/8 to any port 22 proto tcp"
        );
    }

    #[test]
    fn a_rule_knows_whom_it_lets_in() {
        let lets_in = |rule: &str, client: &str, port| {
            rule.parse::<Rule>()
                .expect("a rule")
                .lets_in(client.parse().expect("an address"), port)
        };
        assert!(lets_in("22/tcp", "203.0.113.7", 22));
        assert!(lets_in("20:30/tcp from 10.0.0.0/8", "10.200.1.1", 22));
        assert!(!lets_in("22/tcp from 10.0.0.0/8", "11.0.0.1", 22));
        assert!(!lets_in("22/udp", "10.0.0.1", 22));
        assert!(!lets_in("22/tcp", "10.0.0.1", 2222));
        assert!(!lets_in("22 from 10.0.0.0/8", "::1", 22));
        assert!(lets_in("22 from 10.0.0.7/8", "10.0.0.1", 22));
    }

    #[test]
    fn stored_rules_are_read() {
        let (action, rule) = Rule::from_tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in").expect("a rule");
        assert_eq!((action.as_str(), rule.to_string().as_str()), ("allow", "22/tcp"));
        let (_, rule) = Rule::from_tuple("limit any 80 ::/0 any fe80::/10 in").expect("a rule");
        assert_eq!(rule.to_string(), "80 from fe80::/10");
        assert_eq!(Rule::from_tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_rule_or_says_why(text in ".{0,30}") {
            let _ = (text.parse::<Rule>(), Rule::from_tuple(&text));
        }
    }
}
