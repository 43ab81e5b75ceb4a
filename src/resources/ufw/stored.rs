//! A rule as ufw stores it: a `### tuple ###` line of `user.rules` or `user6.rules`.

use std::fmt;

use super::traffic::{Traffic, ports};

/// A rule that ufw has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// `allow`, `deny`, `reject`, `limit`.
    pub action: String,
    /// ` log` or ` log-all`, when it writes to the log.
    pub log: &'static str,
    pub way: Way,
    pub traffic: Traffic,
    /// The profiles by which the port and the source port were given.
    pub profiles: (String, String),
    pub comment: String,
    /// The line without action and comment: ufw keeps one rule for each.
    pub key: String,
    /// Whether the playbook takes it away.
    pub goes: bool,
}

/// Which traffic a rule looks at, and where that goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out(Option<String>),
    Route(Option<String>),
}

impl Stored {
    /// Reads what stands behind `### tuple ###`: action, protocol, ports, destination, source ports, source,
    /// two profiles if there is one, way, comment.
    pub fn read(line: &str) -> Option<Self> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let comment = words.last()?.strip_prefix("comment=").map(comment);
        if comment.is_some() {
            words.pop();
        }
        let (action, rest) = words.split_first()?;
        let key = rest.join(" ");
        let (action, routed) = match action.strip_prefix("route:") {
            Some(action) => (action, true),
            None => (*action, false),
        };
        let (action, log) = match action.split_once('_') {
            None => (action, ""),
            Some((action, "log")) => (action, " log"),
            Some((action, "log-all")) => (action, " log-all"),
            Some(_) => return None,
        };
        let (&[protocol, to_ports, to, from_ports, from], rest) = rest.split_first_chunk()?;
        let (profiles, way) = match *rest {
            // Very old rules have no way, and come in.
            [] => (("-", "-"), "in"),
            [way] => (("-", "-"), way),
            [to, from] => ((to, from), "in"),
            [to, from, way] => ((to, from), way),
            _ => return None,
        };
        let (interface, way) = ways(way, routed)?;
        let range = |text| match text {
            "any" => Some(Vec::new()),
            list => list.split(',').map(ports).collect::<Option<Vec<_>>>(),
        };
        let network = |text| match text {
            "0.0.0.0/0" | "::/0" => Some(None),
            network => network.parse().ok().map(Some),
        };
        let profile = |text: &str| match text {
            "-" => String::new(),
            name => name.replace("%20", " "),
        };
        Some(Self {
            action: action.to_owned(),
            log,
            way,
            traffic: Traffic {
                protocol: if protocol == "any" { "" } else { protocol }.to_owned(),
                ports: range(to_ports)?,
                source_ports: range(from_ports)?,
                from: network(from)?,
                to: network(to)?,
                interface,
            },
            profiles: (profile(profiles.0), profile(profiles.1)),
            comment: comment.unwrap_or_default(),
            key,
            goes: false,
        })
    }

    /// Whether ufw has it under the ports it is about, and not by the name of a profile.
    fn is_plain(&self) -> bool {
        self.profiles.0.is_empty() && self.profiles.1.is_empty()
    }
}

/// `in`, `in_eth0`, `out_eth1`, `in_eth0!out_eth1`: where it comes in, and the way.
fn ways(text: &str, routed: bool) -> Option<(Option<String>, Way)> {
    let (mut comes, mut goes, mut out) = (None, None, false);
    for part in text.split('!') {
        let (way, interface) = match part.split_once('_') {
            Some((way, interface)) => (way, Some(interface.to_owned())),
            None => (part, None),
        };
        match way {
            "in" => comes = interface,
            "out" => (goes, out) = (interface, true),
            _ => return None,
        }
    }
    let way = match (routed, out) {
        (true, _) => Way::Route(goes),
        (false, true) => Way::Out(goes),
        (false, false) => Way::In,
    };
    Some((comes, way))
}

/// A comment, which ufw stores in hex.
fn comment(hex: &str) -> String {
    let digits: Vec<char> = hex.chars().collect();
    let bytes = digits.chunks(2).map_while(|pair| match pair {
        [high, low] => Some((high.to_digit(16)? * 16 + low.to_digit(16)?) as u8),
        _ => None,
    });
    let text = String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned();
    text.replace(char::is_control, " ")
}

/// As one would tell ufw.
impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic = &self.traffic;
        let mut words = match &self.way {
            Way::Route(_) => vec!["route".to_owned()],
            _ => Vec::new(),
        };
        words.push(format!("{}{}", self.action, self.log));
        let on = |way: &str, interface: &str| format!("{way} on {interface}");
        match &self.way {
            Way::Out(None) => words.push("out".into()),
            Way::Out(Some(goes)) => words.push(on("out", goes)),
            Way::In | Way::Route(_) => {
                words.extend(traffic.interface.iter().map(|comes| on("in", comes)));
            }
        }
        if let Way::Route(Some(goes)) = &self.way {
            words.push(on("out", goes));
        }
        let list = |ports: &[(u16, u16)]| {
            let one = |(from, to): &(u16, u16)| match from == to {
                true => from.to_string(),
                false => format!("{from}:{to}"),
            };
            ports.iter().map(one).collect::<Vec<_>>().join(",")
        };
        let short = traffic.to.is_none() && traffic.source_ports.is_empty() && self.profiles.1.is_empty();
        if short && !self.profiles.0.is_empty() {
            words.push(self.profiles.0.clone());
        } else if short && !traffic.ports.is_empty() {
            let protocol = match traffic.protocol.as_str() {
                "" => String::new(),
                protocol => format!("/{protocol}"),
            };
            words.push(format!("{}{protocol}", list(&traffic.ports)));
        }
        let said = short && !traffic.ports.is_empty();
        let side = |word: &str, network: Option<super::traffic::Network>, ports: &[_], profile: &str| {
            let mut text = match network {
                Some(network) => format!("{word} {network}"),
                None => format!("{word} any"),
            };
            if !profile.is_empty() {
                text += &format!(" app {profile}");
            } else if !ports.is_empty() {
                text += &format!(" port {}", list(ports));
            }
            text
        };
        if traffic.from.is_some() || !traffic.source_ports.is_empty() {
            words.push(side(
                "from",
                traffic.from,
                &traffic.source_ports,
                &self.profiles.1,
            ));
        }
        if traffic.to.is_some() || (!said && !traffic.ports.is_empty()) {
            words.push(side("to", traffic.to, &traffic.ports, &self.profiles.0));
        }
        if !said && self.is_plain() && !traffic.protocol.is_empty() {
            words.push(format!("proto {}", traffic.protocol));
        }
        if *traffic == Traffic::default() && self.way == Way::In {
            words.push("from any".into());
        }
        if !self.comment.is_empty() {
            words.push(format!("({})", self.comment));
        }
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What ufw 0.36.2 stored, and what it had been told.
    const LINES: &str = include_str!("stored_cases.txt");

    #[test]
    fn stored_rules_are_read_and_said_as_ufw_is_told_them() {
        let mut said = Vec::new();
        for line in LINES.lines() {
            let (stored, told) = line.split_once(" | ").expect("two columns");
            let rule = Stored::read(stored).unwrap_or_else(|| panic!("{stored}"));
            said.push((rule.to_string(), told));
        }
        for (said, told) in said {
            assert_eq!(said, told);
        }
    }

    #[test]
    fn profiles_logging_and_comments_are_no_part_of_the_traffic() {
        let plain = Stored::read("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in").expect("a rule");
        for line in [
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
            "allow_log tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=78",
            "allow tcp 22 ::/0 any ::/0",
        ] {
            let rule = Stored::read(line).expect("a rule");
            assert_eq!(
                (rule.traffic, rule.way),
                (plain.traffic.clone(), Way::In),
                "{line}"
            );
        }
        assert_eq!(plain.key, "tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in "(route:)?[a-z_]{0,9}( [a-z0-9:./_,!%=-]{0,9}){0,10}") {
            if let Some(rule) = Stored::read(&line) {
                prop_assert!(!rule.to_string().is_empty());
            }
        }

        #[test]
        fn a_comment_may_be_anything(hex in "[0-9a-fg]{0,40}") {
            prop_assert!(!comment(&hex).contains(char::is_control));
        }
    }
}
