//! A rule as a playbook writes it, and as ufw is told it.

use std::fmt;
use std::str::FromStr;

use super::stored::Way;
use super::traffic::{Network, Traffic, ports};

/// One rule, in ufw's own words behind its action: `22/tcp`, `80,443/tcp from 203.0.113.7`, `OpenSSH`, `in on eth1`,
/// `out to 10.0.0.5 port 5432 proto tcp`, `route in on eth0 out on eth1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub way: Way,
    /// What it is about; of a profile the ports are the host's to know.
    pub traffic: Traffic,
    /// The profiles by which the port and the source port are given.
    pub profiles: (String, String),
    /// ` log` or ` log-all`, when it writes to the log.
    pub log: &'static str,
    pub comment: String,
}

/// The protocols that ufw knows (ufw(8), "proto"), beside tcp and udp.
const OTHERS: [&str; 6] = ["ah", "esp", "gre", "igmp", "ipv6", "vrrp"];

/// What ends the name of a profile.
const KEYWORDS: [&str; 7] = ["from", "to", "port", "app", "proto", "comment", "on"];

/// What begins a rule, and so no name of a profile.
const FIRST: [&str; 6] = ["route", "in", "out", "log", "log-all", "any"];

/// As many ports as iptables takes in one rule; a range counts twice (iptables-extensions(8), multiport).
const MOST: usize = 15;

/// What stands on one side of a rule.
#[derive(Default)]
struct Side {
    network: Option<Network>,
    ports: Vec<(u16, u16)>,
    profile: String,
}

struct Words<'t> {
    text: &'t str,
    rest: Vec<&'t str>,
}

impl<'t> Words<'t> {
    fn wrong(&self) -> String {
        format!(
            "`{}` is not a rule: write `22/tcp`, `6000:6007/udp`, `22/tcp from 203.0.113.7`, or as ufw is told it",
            self.text
        )
    }

    fn take(&mut self, word: &str) -> bool {
        let is = self.rest.first() == Some(&word);
        if is {
            self.rest.remove(0);
        }
        is
    }

    fn next(&mut self) -> Result<&'t str, String> {
        match self.rest.is_empty() {
            true => Err(self.wrong()),
            false => Ok(self.rest.remove(0)),
        }
    }

    fn interface(&mut self) -> Result<String, String> {
        let name = self.next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
        // IFNAMSIZ is 16, and the last byte is not the name's.
        match name.len() < 16 && name.chars().all(plain) {
            true => Ok(name.to_owned()),
            false => Err(format!("`{name}` is not the name of an interface")),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let end = self.rest.iter().position(|word| KEYWORDS.contains(word));
        let words: Vec<&str> = self.rest.drain(..end.unwrap_or(self.rest.len())).collect();
        let odd = |c: char| c.is_control() || "'\"`$\\;|&<>".contains(c);
        let begins = words.first().is_none_or(|word| FIRST.contains(word));
        match begins || words.iter().any(|word| word.contains(odd)) {
            true => Err(self.wrong()),
            false => Ok(words.join(" ")),
        }
    }

    fn ports(&self, text: &str) -> Result<Vec<(u16, u16)>, String> {
        let list: Option<Vec<_>> = text.split(',').map(ports).collect();
        let mut list = list.ok_or_else(|| self.wrong())?;
        list.sort_unstable();
        list.dedup();
        let count: usize = list.iter().map(|(from, to)| if from == to { 1 } else { 2 }).sum();
        match count > MOST {
            true => Err(format!(
                "`{text}` names more ports than one rule takes, {MOST}; write two rules"
            )),
            false => Ok(list),
        }
    }

    fn side(&mut self) -> Result<Side, String> {
        let network = match self.next()? {
            "any" => None,
            everyone @ ("0.0.0.0/0" | "::/0") => {
                return Err(format!(
                    "`{everyone}` is everyone: write `any`, or leave it out of `{}`",
                    self.text
                ));
            }
            network => Some(network.parse()?),
        };
        let mut side = Side {
            network,
            ..Side::default()
        };
        if self.take("port") {
            let list = self.next()?;
            side.ports = self.ports(list)?;
        } else if self.take("app") {
            side.profile = self.name()?;
        }
        Ok(side)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (said, comment) = match text.split_once(" comment ") {
            Some((said, comment)) => (said, comment.trim().trim_matches('\'')),
            None => (text, ""),
        };
        if comment.contains('\'') || comment.contains(char::is_control) {
            return Err(format!("ufw takes no quotes in a comment: `{comment}`"));
        }
        let mut words = Words {
            text,
            rest: said.split_whitespace().collect(),
        };
        let routed = words.take("route");
        let mut log = "";
        let mut read_log = |words: &mut Words<'_>| {
            if words.take("log") {
                log = " log";
            } else if words.take("log-all") {
                log = " log-all";
            }
        };
        read_log(&mut words);
        let (mut comes, mut goes, mut out) = (None, None, false);
        if words.take("in") && words.take("on") {
            comes = Some(words.interface()?);
        }
        if words.take("out") {
            out = true;
            if words.take("on") {
                goes = Some(words.interface()?);
            }
        }
        read_log(&mut words);
        let way = match (routed, out) {
            (true, _) => Way::Route(goes),
            (false, true) if comes.is_some() => {
                return Err(format!(
                    "`{text}` goes in and out: what passes through begins with `route`"
                ));
            }
            (false, true) => Way::Out(goes),
            (false, false) => Way::In,
        };
        let (mut protocol, mut to, mut from) = (String::new(), Side::default(), Side::default());
        let mut said = !matches!(way, Way::In) || comes.is_some();
        match words.rest.first() {
            None | Some(&"from" | &"to" | &"proto") => {}
            Some(first) => {
                said = true;
                let (numbers, ending) = first.split_once('/').unwrap_or((first, ""));
                if numbers.starts_with(|c: char| c.is_ascii_digit()) {
                    words.rest.remove(0);
                    to.ports = words.ports(numbers)?;
                    protocol = ending.to_owned();
                } else {
                    to.profile = words.name()?;
                }
            }
        }
        loop {
            if words.take("from") {
                from = words.side()?;
            } else if words.take("to") {
                let side = words.side()?;
                let named = !side.ports.is_empty() || !side.profile.is_empty();
                if named && (!to.ports.is_empty() || !to.profile.is_empty()) {
                    return Err(format!("`{text}` says its ports twice"));
                }
                to.network = side.network;
                if named {
                    (to.ports, to.profile) = (side.ports, side.profile);
                }
            } else if words.take("proto") {
                let word = words.next()?;
                if !protocol.is_empty() && protocol != word {
                    return Err(format!("`{text}` says two protocols"));
                }
                protocol = word.to_owned();
            } else {
                break;
            }
            said = true;
        }
        if !said || !words.rest.is_empty() {
            return Err(words.wrong());
        }
        let has_ports = !to.ports.is_empty() || !from.ports.is_empty();
        let known = ["", "tcp", "udp"].contains(&protocol.as_str());
        if !known && (has_ports || !OTHERS.contains(&protocol.as_str())) {
            return Err(words.wrong());
        }
        let several = |list: &[(u16, u16)]| list.len() > 1 || list.iter().any(|(from, to)| from != to);
        if protocol.is_empty() && (several(&to.ports) || several(&from.ports)) {
            return Err(format!(
                "`{text}` is about several ports, and ufw wants a protocol with them: `6000:6007/tcp`"
            ));
        }
        if (!to.profile.is_empty() || !from.profile.is_empty()) && !protocol.is_empty() {
            return Err(format!("`{text}`: a profile says its protocol itself"));
        }
        let families: Vec<bool> = [to.network, from.network]
            .into_iter()
            .flatten()
            .map(Network::is_v6)
            .collect();
        if families == [true, false] || families == [false, true] {
            return Err(format!("`{text}` is from one sort of address to another"));
        }
        Ok(Self {
            way,
            traffic: Traffic {
                protocol,
                ports: to.ports,
                source_ports: from.ports,
                from: from.network,
                to: to.network,
                interface: comes,
            },
            profiles: (to.profile, from.profile),
            log,
            comment: comment.to_owned(),
        })
    }
}

fn list(ports: &[(u16, u16)]) -> String {
    let one = |(from, to): &(u16, u16)| match from == to {
        true => from.to_string(),
        false => format!("{from}:{to}"),
    };
    ports.iter().map(one).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match &self.way {
            Way::Route(_) => ["route".to_owned()].into_iter().chain(self.words()).collect(),
            _ => self.words(),
        };
        f.write_str(&words.join(" "))
    }
}

impl Rule {
    /// Whether it is a port or a profile and nothing but where it comes from.
    fn is_short(&self) -> bool {
        let named = !self.traffic.ports.is_empty() || !self.profiles.0.is_empty();
        let plain =
            self.traffic.to.is_none() && self.traffic.source_ports.is_empty() && self.profiles.1.is_empty();
        named && plain
    }

    /// What it says, as a playbook writes it.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.log.split_whitespace().map(str::to_owned).collect();
        words.extend(self.interfaces());
        if self.is_short() {
            words.push(match (&*self.profiles.0, &*self.traffic.protocol) {
                ("", "") => list(&self.traffic.ports),
                ("", protocol) => format!("{}/{protocol}", list(&self.traffic.ports)),
                (profile, _) => profile.to_owned(),
            });
            words.extend(self.traffic.from.map(|from| format!("from {from}")));
            return words;
        }
        words.extend(self.sides());
        words
    }

    fn interfaces(&self) -> Vec<String> {
        let comes = self
            .traffic
            .interface
            .iter()
            .map(|comes| format!("in on {comes}"));
        let goes = match &self.way {
            Way::Out(None) => Some("out".to_owned()),
            Way::Out(Some(goes)) | Way::Route(Some(goes)) => Some(format!("out on {goes}")),
            Way::In | Way::Route(None) => None,
        };
        comes.chain(goes).collect()
    }

    /// Source, destination and protocol, in full.
    fn sides(&self) -> Vec<String> {
        let traffic = &self.traffic;
        let side = |word: &str, network: Option<Network>, ports: &[_], profile: &str| {
            let whose = network.map_or("any".to_owned(), |network| network.to_string());
            let what = match (profile, ports) {
                ("", []) => String::new(),
                ("", ports) => format!(" port {}", list(ports)),
                (profile, _) => format!(" app {profile}"),
            };
            (network.is_some() || !what.is_empty()).then(|| format!("{word} {whose}{what}"))
        };
        let from = side("from", traffic.from, &traffic.source_ports, &self.profiles.1);
        let to = side("to", traffic.to, &traffic.ports, &self.profiles.0);
        let protocol = (!traffic.protocol.is_empty()).then(|| format!("proto {}", traffic.protocol));
        let words: Vec<String> = from.into_iter().chain(to).chain(protocol).collect();
        match words.is_empty() && self.interfaces().is_empty() {
            true => vec!["from any".into()],
            false => words,
        }
    }

    /// The words after `ufw` that add this rule.
    pub fn command(&self, action: &str) -> Vec<String> {
        let mut words = self.telling(&[action]);
        if !self.comment.is_empty() {
            words.extend(["comment".to_owned(), self.comment.clone()]);
        }
        words
    }

    /// The words after `ufw` that take it away.
    pub fn removal(&self, action: &str) -> Vec<String> {
        self.telling(&["delete", action])
    }

    fn telling(&self, verbs: &[&str]) -> Vec<String> {
        let routed = matches!(self.way, Way::Route(_)).then_some("route");
        let mut words: Vec<String> = routed
            .iter()
            .chain(verbs)
            .map(|word| (*word).to_owned())
            .collect();
        let bare = self.way == Way::In && self.traffic.interface.is_none() && self.log.is_empty();
        if bare && self.is_short() && self.traffic.from.is_none() {
            words.push(self.words().concat());
            return words;
        }
        // ufw wants `log` behind the interfaces, and in full both sides or none.
        words.extend(
            self.interfaces()
                .iter()
                .flat_map(|part| part.split(' ').map(str::to_owned).collect::<Vec<_>>()),
        );
        words.extend(self.log.split_whitespace().map(str::to_owned));
        let traffic = &self.traffic;
        let any = |network: Option<Network>| network.map_or("any".to_owned(), |network| network.to_string());
        for (word, network, ports, profile) in [
            ("from", traffic.from, &traffic.source_ports, &self.profiles.1),
            ("to", traffic.to, &traffic.ports, &self.profiles.0),
        ] {
            words.extend([word.to_owned(), any(network)]);
            if !profile.is_empty() {
                words.extend(["app".to_owned(), profile.clone()]);
            } else if !ports.is_empty() {
                words.extend(["port".to_owned(), list(ports)]);
            }
        }
        if !traffic.protocol.is_empty() {
            words.extend(["proto".to_owned(), traffic.protocol.clone()]);
        }
        words
    }

    /// What it is about, for each of the protocols of its profile, if the host knows that.
    pub fn traffics(&self, profiles: &[(String, String)]) -> Vec<Traffic> {
        let name = match &self.profiles {
            (to, _) if !to.is_empty() => to,
            (_, from) if !from.is_empty() => from,
            _ => return vec![self.traffic.clone()],
        };
        let known = profiles.iter().find(|(known, _)| known == name);
        let parts = known.into_iter().flat_map(|(_, text)| text.split('|'));
        let part = |text: &str| {
            let (numbers, protocol) = text.split_once('/').unwrap_or((text, ""));
            let mut list: Vec<_> = numbers.split(',').map(ports).collect::<Option<_>>()?;
            list.sort_unstable();
            let mut traffic = self.traffic.clone();
            traffic.protocol = protocol.to_owned();
            match self.profiles.0.is_empty() {
                true => traffic.source_ports = list,
                false => traffic.ports = list,
            }
            Some(traffic)
        };
        parts.filter_map(part).collect()
    }

    /// Whether ufw keeps it among the rules of this family.
    pub fn is_of(&self, v6: bool) -> bool {
        let mut networks = [self.traffic.from, self.traffic.to].into_iter().flatten();
        networks.all(|network| network.is_v6() == v6)
    }
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
