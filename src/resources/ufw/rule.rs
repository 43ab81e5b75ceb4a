//! A rule as a playbook writes it, and as ufw is told it.

use std::fmt;
use std::str::FromStr;

use super::traffic::{Network, Traffic, ports};

/// One rule for incoming traffic: `22/tcp`, `443`, `6000:6007/udp`, `22/tcp from 203.0.113.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub ports: (u16, u16),
    /// `tcp`, `udp`, or both when empty.
    pub protocol: String,
    pub from: Option<Network>,
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
    fn port_text(&self) -> String {
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

    /// What it is about.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            protocol: self.protocol.clone(),
            ports: vec![self.ports],
            from: self.from,
            ..Traffic::default()
        }
    }

    /// Whether ufw keeps it among the rules of this family.
    pub fn is_of(&self, v6: bool) -> bool {
        self.from.is_none_or(|network| network.is_v6() == v6)
    }

    /// What ufw stores of it beside its action (see `stored.rs`).
    pub fn stored(&self, v6: bool) -> String {
        let any = if v6 { "::/0" } else { "0.0.0.0/0" };
        let protocol = match self.protocol.as_str() {
            "" => "any",
            protocol => protocol,
        };
        let from = self.from.map_or(any.to_owned(), |network| network.to_string());
        format!("{protocol} {} {any} any {from} in", self.port_text())
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
        assert_eq!(rule.stored(false), "tcp 22 0.0.0.0/0 any 10.0.0.0/8 in");
    }

    proptest! {
        #[test]
        fn any_text_is_a_rule_or_says_why(text in ".{0,30}") {
            let _ = text.parse::<Rule>();
        }
    }
}
