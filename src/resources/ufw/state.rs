//! The firewall as it is on a host: ufw's own files, which also tell the truth while it is off, and the kernel.

use schemars::JsonSchema;
use serde::Deserialize;

use super::kernel::{Line, lacks, same};
use super::stored::Stored;

/// Each line of a file stands behind the file's name; what iptables says stands behind `@4` and `@6`.
pub(super) const QUESTION: &str = include_str!("state.sh");

/// Remembers the firewall as it is: ufw's files, and what the kernel has, which may be something else.
pub(super) const KEEP: &str = include_str!("keep.sh");

/// Puts the kernel back, when the files are as they were. What iptables never had is not saved, but stopped.
pub(super) const RECOVER: &str = include_str!("recover.sh");

/// What traffic is that has a default, in the order of the three.
pub(super) const WAYS: [&str; 3] = ["incoming", "outgoing", "routed"];

/// What becomes of traffic that no rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It passes.
    Allow,
    /// It is dropped.
    Deny,
    /// It is refused, and whoever sent it is told.
    Reject,
}

impl Policy {
    /// What ufw is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Reject => "reject",
        }
    }

    /// The one that ufw's configuration or a playbook names.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "ACCEPT" | "allow" => Some(Self::Allow),
            "DROP" | "deny" => Some(Self::Deny),
            "REJECT" | "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// The rules for one of IPv4 and IPv6.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub rules: Vec<Stored>,
    /// Rules of ufw's that cannot be read.
    pub unread: Vec<String>,
    /// What decides before ufw's rules do: what others put into the kernel, and `before.rules`.
    pub before: Vec<Line>,
    /// What `user.rules` loads.
    loads: Vec<Line>,
    /// What the kernel has in its place.
    kernel: Vec<Line>,
    policy: String,
    /// Whether the kernel comes to ufw's rules.
    hooked: (bool, bool),
}

/// What a host's firewall is.
#[derive(Debug)]
pub(super) struct State {
    pub enabled: bool,
    /// Whether ufw keeps rules for IPv6; without them it lets none of it in.
    pub ipv6: bool,
    /// Whether the kernel knows IPv6.
    has_ipv6: bool,
    /// `DROP`, `REJECT` or `ACCEPT`, as its configuration says.
    pub incoming: String,
    pub outgoing: String,
    pub routed: String,
    /// The profiles of applications, and their ports.
    pub profiles: Vec<(String, String)>,
    /// The interface that this connection comes in by.
    pub interface: Option<String>,
    pub v4: Family,
    pub v6: Family,
}

impl State {
    /// Reads the answer to the question; an empty one is that of a host without ufw.
    pub fn read(text: &str) -> Self {
        let mut state = Self {
            enabled: false,
            ipv6: text.is_empty(),
            has_ipv6: true,
            incoming: String::new(),
            outgoing: String::new(),
            routed: String::new(),
            profiles: Vec::new(),
            interface: None,
            v4: Family::default(),
            v6: Family::default(),
        };
        let mut of_kernel = None;
        for line in text.lines() {
            if let Some(address) = line.strip_prefix("@address ") {
                state.interface = address.split_whitespace().nth(1).map(str::to_owned);
            } else if let Some(mark) = line.strip_prefix('@') {
                match mark {
                    "no6" => state.has_ipv6 = false,
                    mark => of_kernel = Some(mark == "6"),
                }
            } else if let Some(v6) = of_kernel {
                state.family_mut(v6).of_kernel(line);
            } else if let Some((path, line)) = line.split_once(':') {
                state.of_file(path, line);
            }
        }
        state.ipv6 &= state.has_ipv6;
        for family in [&mut state.v4, &mut state.v6] {
            // What stands in the kernel is asked first.
            family.before.sort_by_key(|line| line.chain != "INPUT");
        }
        state
    }

    fn of_file(&mut self, path: &str, line: &str) {
        let setting = |name: &str| line.strip_prefix(name).map(|value| value.trim_matches('"'));
        if let Some(value) = setting("ENABLED=") {
            self.enabled = value.eq_ignore_ascii_case("yes");
        } else if let Some(value) = setting("IPV6=") {
            self.ipv6 = value.eq_ignore_ascii_case("yes");
        } else if let Some(value) = setting("DEFAULT_INPUT_POLICY=") {
            self.incoming = value.to_ascii_uppercase();
        } else if let Some(value) = setting("DEFAULT_OUTPUT_POLICY=") {
            self.outgoing = value.to_ascii_uppercase();
        } else if let Some(value) = setting("DEFAULT_FORWARD_POLICY=") {
            self.routed = value.to_ascii_uppercase();
        } else if path.starts_with("applications.d/") {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                self.profiles.push((name.to_owned(), String::new()));
            } else if let (Some(ports), Some((_, known))) =
                (line.strip_prefix("ports="), self.profiles.last_mut())
            {
                known.push_str(ports);
            }
        } else {
            self.family_mut(path.ends_with("6.rules")).of_file(line);
        }
    }

    fn family_mut(&mut self, v6: bool) -> &mut Family {
        if v6 { &mut self.v6 } else { &mut self.v4 }
    }

    pub fn family(&self, v6: bool) -> &Family {
        if v6 { &self.v6 } else { &self.v4 }
    }

    /// The families for which ufw keeps rules.
    pub fn families(&self) -> impl Iterator<Item = bool> {
        [false, true].into_iter().filter(|v6| !v6 || self.ipv6)
    }

    /// What becomes of this traffic.
    pub fn default(&self, way: &str) -> Option<Policy> {
        let all = [&self.incoming, &self.outgoing, &self.routed];
        let found = WAYS.iter().zip(all).find(|(known, _)| **known == way);
        found.and_then(|(_, now)| Policy::of(now))
    }

    /// Whether what comes in and no rule is about is denied.
    pub fn denies(&self) -> bool {
        ["DROP", "REJECT"].contains(&self.incoming.as_str())
    }

    /// Whether the kernel has the rules that ufw stores, in their order, and comes to them.
    pub fn is_live(&self) -> bool {
        self.families().all(|v6| self.family(v6).is_live(self.denies()))
    }

    /// The lines that only one of ufw and the kernel has: those that a reload takes away, those that it brings.
    pub fn differences(&self) -> (Vec<&Line>, Vec<&Line>) {
        let lines = |which: fn(&Family) -> Vec<&Line>| {
            self.families()
                .flat_map(|v6| which(self.family(v6)))
                .collect::<Vec<_>>()
        };
        let gone = lines(|family| lacks(&family.kernel, &family.loads));
        let brought = lines(|family| lacks(&family.loads, &family.kernel));
        (gone, brought)
    }
}

impl Family {
    fn of_file(&mut self, line: &str) {
        if let Some(tuple) = line.strip_prefix("### tuple ###") {
            match Stored::read(tuple) {
                Some(rule) => self.rules.push(rule),
                None => self.unread.push(tuple.trim().to_owned()),
            }
        } else if let Some(line) = Line::read(line) {
            match line.chain.contains("-user-") {
                true => self.loads.push(line),
                false => self.before.push(line),
            }
        }
    }

    fn of_kernel(&mut self, line: &str) {
        if let Some(policy) = line.strip_prefix("-P INPUT ") {
            self.policy = policy.to_owned();
            return;
        }
        let Some(line) = Line::read(line) else { return };
        if line.chain.contains("-user-") {
            self.kernel.push(line);
        } else if line.target.ends_with("-user-input") {
            self.hooked.1 = true;
        } else if line.target.starts_with("ufw") {
            self.hooked.0 |= line.target.ends_with("-before-input");
        } else if !self.hooked.0 {
            self.before.push(line);
        }
    }

    fn is_live(&self, denies: bool) -> bool {
        let same_in = |way: &str| {
            let of = |line: &&Line| line.chain.ends_with(way);
            let ours: Vec<&Line> = self.loads.iter().filter(of).collect();
            let theirs: Vec<&Line> = self.kernel.iter().filter(of).collect();
            same(&ours, &theirs)
        };
        self.hooked == (true, true)
            && (self.policy == "DROP") == denies
            && ["input", "output", "forward"].into_iter().all(same_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a Debian 12 host answers, and what becomes of it by hand.
    const HOST: &str = include_str!("state_case.txt");

    #[test]
    fn a_firewall_that_is_on_is_live() {
        let state = State::read(HOST);
        assert!(state.enabled && state.ipv6 && state.denies() && state.is_live());
        assert_eq!(state.outgoing, "ACCEPT");
        assert_eq!(state.interface.as_deref(), Some("eth0"));
        assert_eq!(state.v4.rules.len(), 2);
        assert_eq!(state.v6.rules.len(), 1);
        let before = state.v4.before.iter().map(|line| line.chain.as_str());
        assert!(before.eq(["ufw-before-input"; 2]), "{:?}", state.v4.before);
    }

    #[test]
    fn what_is_not_in_the_kernel_is_not_live() {
        let live = |from: &str, to: &str| {
            assert!(HOST.contains(from), "{from}");
            State::read(&HOST.replace(from, to)).is_live()
        };
        assert!(live(
            "-P INPUT DROP\n-A INPUT",
            "-P INPUT DROP\n-A INPUT -s 192.0.2.1/32 -j DROP\n-A INPUT"
        ));
        for (from, to) in [
            ("-P INPUT DROP", "-P INPUT ACCEPT"),
            ("-A INPUT -j ufw6-before-input\n", ""),
            ("-A ufw-before-input -j ufw-user-input\n", ""),
            ("-A ufw6-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n", ""),
            ("-m tcp --dport 25 -j REJECT", "-m tcp --dport 26 -j REJECT"),
        ] {
            assert!(!live(from, to), "{from}");
        }
        let more = HOST.to_owned() + "-A ufw6-user-input -s fd00::1/128 -j ACCEPT\n";
        let state = State::read(&more.replace("@address", "@"));
        assert!(!state.is_live());
        let gone: Vec<&str> = state
            .differences()
            .0
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(gone, ["-A ufw6-user-input -s fd00::1/128 -j ACCEPT"]);
    }

    #[test]
    fn a_host_without_ipv6_has_no_rules_for_it() {
        let without = HOST.replace("@4\n", "@no6\n@4\n").replace("ufw6", "none");
        let state = State::read(&without);
        assert!(!state.ipv6 && state.is_live());
        assert!(!State::read(&HOST.replace("IPV6=yes", "IPV6=no")).ipv6);
        assert!(State::read("").ipv6, "as ufw comes");
    }

    proptest! {
        #[test]
        fn any_answer_is_read(lines in proptest::collection::vec("(@4|@6|@no6|@address .{0,9}|[a-z6.]{0,9}:.{0,40}|-A .{0,30}|.{0,30})", 0..20)) {
            let state = State::read(&lines.join("\n"));
            let _ = (state.is_live(), state.differences());
        }
    }
}
