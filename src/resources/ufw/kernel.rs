//! Rules as iptables has them: what the kernel holds, and what ufw's files load into it.

use super::traffic::{Traffic, ports};

/// An `-A` line of iptables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The line itself.
    pub text: String,
    pub chain: String,
    pub traffic: Traffic,
    out: Option<String>,
    /// `ACCEPT`, `DROP`, a chain; empty when it only counts.
    pub target: String,
    /// Whether it may concern a new connection at all.
    pub new: bool,
    /// Whether nothing but the traffic decides whether it applies.
    pub plain: bool,
}

impl Line {
    /// Reads a line of `iptables -S` or of a file for iptables-restore. What is not known of it makes it not
    /// plain; none when it adds no rule.
    pub fn read(text: &str) -> Option<Self> {
        let words = words(text);
        let mut words = words.iter().map(String::as_str);
        let mut line = Self {
            text: text.to_owned(),
            chain: match (words.next()?, words.next()?) {
                ("-A", chain) => chain.to_owned(),
                _ => return None,
            },
            traffic: Traffic::default(),
            out: None,
            target: String::new(),
            new: true,
            plain: true,
        };
        while let Some(word) = words.next() {
            if line.take(word, &mut words).is_none() {
                line.plain = false;
            }
        }
        Some(line)
    }

    /// Takes an option in; none when it is not known.
    fn take<'a>(&mut self, option: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        let range = |list: &str| list.split(',').map(ports).collect::<Option<Vec<_>>>();
        match option {
            "-s" => self.traffic.from = anywhere(words.next()?)?,
            "-d" => self.traffic.to = anywhere(words.next()?)?,
            "-i" => self.traffic.interface = Some(words.next()?.to_owned()),
            "-o" => self.out = Some(words.next()?.to_owned()),
            "-p" => self.traffic.protocol = words.next()?.to_owned(),
            "--dport" | "--dports" => self.traffic.ports = range(words.next()?)?,
            "--sport" | "--sports" => self.traffic.source_ports = range(words.next()?)?,
            "-j" => self.target = words.next()?.to_owned(),
            "-m" if ["tcp", "udp", "multiport", "comment", "conntrack", "state"].contains(&words.next()?) => {
            }
            "--ctstate" | "--state" => self.new &= words.next()?.split(',').any(|state| state == "NEW"),
            "--comment" | "--reject-with" => drop(words.next()?),
            _ => return None,
        }
        Some(())
    }

    /// Whether both do the same: how a line is written, and what it says for people, counts for nothing.
    fn does_as(&self, other: &Self) -> bool {
        let but_text = |line: &Self| Self {
            text: String::new(),
            ..line.clone()
        };
        but_text(self) == but_text(other)
    }

    /// Whether it ends a packet's way, and lets it in.
    pub fn lets_in(&self) -> Option<bool> {
        match self.target.as_str() {
            "ACCEPT" => Some(true),
            "DROP" | "REJECT" => Some(false),
            _ => None,
        }
    }
}

/// A network; the inner none is everyone.
fn anywhere(text: &str) -> Option<Option<super::traffic::Network>> {
    match text {
        "0.0.0.0/0" | "::/0" => Some(None),
        network => network.parse().ok().map(Some),
    }
}

/// The words of a line, in which quotes hold words with blanks together.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && quote.is_none() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What is in `ours` and not in `theirs`, if they are not the same in the same order.
pub(super) fn lacks<'a>(ours: &'a [Line], theirs: &[Line]) -> Vec<&'a Line> {
    let known = |line: &&Line| !theirs.iter().any(|other| other.does_as(line));
    ours.iter().filter(known).collect()
}

/// Whether both hold the same lines in the same order.
pub(super) fn same(ours: &[&Line], theirs: &[&Line]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(one, other)| one.does_as(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_ufw_loads_is_what_the_kernel_holds() {
        let stored = include_str!("kernel_stored.txt").lines();
        let kernel: Vec<Line> = include_str!("kernel_live.txt")
            .lines()
            .filter_map(Line::read)
            .collect();
        for (line, live) in stored.zip(&kernel) {
            let line = Line::read(line).unwrap_or_else(|| panic!("{line}"));
            assert!(line.does_as(live), "{line:?}\n{live:?}");
        }
        assert_eq!(kernel.len(), include_str!("kernel_stored.txt").lines().count());
    }

    #[test]
    fn what_is_not_known_is_not_plain() {
        let plain = |text: &str| Line::read(text).expect("a line").plain;
        assert!(plain("-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 22 -j DROP"));
        assert!(plain(
            r#"-A INPUT -p tcp -m comment --comment "two words" -j DROP"#
        ));
        for text in [
            "-A INPUT ! -s 192.0.2.1/32 -j DROP",
            "-A INPUT -m limit --limit 3/min -j ACCEPT",
            "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
            "-A INPUT -s host.example -j DROP",
        ] {
            assert!(!plain(text), "{text}");
        }
        let new = |text: &str| Line::read(text).expect("a line").new;
        assert!(!new(
            "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ));
        assert!(new("-A INPUT -m conntrack --ctstate NEW -j ACCEPT"));
        assert_eq!(Line::read("-P INPUT DROP"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in "-A [ -~]{0,60}", other in ".{0,60}") {
            let _ = (Line::read(&line), Line::read(&other));
        }
    }
}
