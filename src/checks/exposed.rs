//! What is open to others: every port at which something on a host listens, or that it forwards, is to be knocked at
//! from outside, and what opens is held against what a playbook says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// What a host is asked, in one exec. It writes nothing.
pub const QUESTION: &str = include_str!("exposed.sh");

/// Where a host says it can be reached, and at which TCP ports something waits there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Doors {
    /// Its addresses on the interfaces by which it is reached or reaches others.
    addresses: BTreeSet<IpAddr>,
    /// What listens, by port: where, and the process.
    listening: BTreeMap<u16, BTreeSet<(String, String)>>,
    /// Where the kernel sends what comes in at a port, and the line that says so.
    forwarded: BTreeMap<u16, (String, String)>,
    /// Whether ufw is on.
    ufw: bool,
}

/// How a knock ended: whether a connection came about, or that there is no way there from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// A connection came about.
    Open,
    /// It did not.
    Closed,
    /// This machine has no way to that address.
    NoWay,
}

fn is_loopback(address: &str) -> bool {
    let plain = address
        .trim_matches(['[', ']'])
        .split('%')
        .next()
        .unwrap_or_default();
    let parsed = plain.parse::<IpAddr>();
    parsed.is_ok_and(|address| match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|address| address.is_loopback())
        }
    })
}

/// Whether an address may be another machine's where this one is: such are not knocked at.
fn is_private(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    address.is_private() || address.is_link_local() || address.is_loopback() || shared
}

impl Doors {
    /// Reads what the host answered. Lines that are none are passed over.
    pub fn read(text: &str) -> Self {
        let mut doors = Self::default();
        for line in text.lines() {
            let (sort, rest) = line.split_once(' ').unwrap_or((line, ""));
            match sort {
                "@ufw" => doors.ufw = true,
                "@address" => {
                    let address = rest.split('/').next().unwrap_or_default();
                    doors.addresses.extend(address.parse::<IpAddr>());
                }
                "@listens" => drop(doors.listens(rest)),
                "@nat" => doors.forwards(rest),
                _ => {}
            }
        }
        doors
    }

    /// A line of `ss -ltnpH`.
    fn listens(&mut self, line: &str) -> Option<()> {
        let local = line.split_whitespace().nth(3)?;
        let (address, port) = local.rsplit_once(':')?;
        let process = line
            .split_once("users:((\"")
            .and_then(|(_, rest)| rest.split('"').next());
        let said = (address.to_owned(), process.unwrap_or("something").to_owned());
        self.listening.entry(port.parse().ok()?).or_default().insert(said);
        Some(())
    }

    /// A line of iptables' or nft's rules that sends what comes in elsewhere.
    fn forwards(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let behind = |names: &[&str]| {
            let at = words.iter().position(|word| names.contains(word))?;
            words.get(at + 1).copied()
        };
        let (Some(ports), false) = (behind(&["--dport", "--dports", "dport"]), words.contains(&"udp")) else {
            return;
        };
        let to = behind(&["--to-destination", "to"])
            .or(behind(&["--to-ports"]))
            .unwrap_or("another port");
        // A set of nft's is written in braces.
        let from = words
            .iter()
            .position(|word| *word == "dport")
            .map(|at| &words[at + 1..]);
        let set: String = match from {
            Some(rest) if ports.starts_with('{') => {
                let inner = rest.iter().take_while(|word| !word.ends_with('}'));
                inner.copied().collect::<Vec<_>>().concat().replace('{', "")
            }
            _ => ports.to_owned(),
        };
        for part in set.split(',') {
            let (from, last) = part.split_once([':', '-']).unwrap_or((part, part));
            if let (Ok(from), Ok(last)) = (from.parse::<u16>(), last.parse::<u16>()) {
                // Of a long range its ends tell as much.
                let ports = if last.saturating_sub(from) < 64 {
                    (from..=last).collect()
                } else {
                    vec![from, last]
                };
                for port in ports {
                    // iptables' line comes before nft's for the same.
                    self.forwarded
                        .entry(port)
                        .or_insert_with(|| (to.to_owned(), line.to_owned()));
                }
            }
        }
    }

    /// Where to knock, for a host that was reached at `reached`, by the port `ours`, and at which ports beside `wanted`.
    /// What we came by is open, and a firewall that limits connections counts every knock.
    pub fn knocks(&self, reached: IpAddr, ours: u16, wanted: &BTreeSet<u16>) -> Vec<(IpAddr, u16)> {
        let near = |address: &IpAddr| match address {
            IpAddr::V4(address) => !is_private(*address),
            IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_loopback(),
        };
        let mut addresses: BTreeSet<IpAddr> = self.addresses.iter().copied().filter(near).collect();
        addresses.insert(reached);
        let outside = |(_, places): &(&u16, &BTreeSet<(String, String)>)| {
            places.iter().any(|(address, _)| !is_loopback(address))
        };
        let listening = self.listening.iter().filter(outside).map(|(port, _)| *port);
        let ports: BTreeSet<u16> = listening
            .chain(self.forwarded.keys().copied())
            .chain(wanted.iter().copied())
            .collect();
        let all = addresses
            .iter()
            .flat_map(|address| ports.iter().map(|port| (*address, *port)));
        all.filter(|knock| *knock != (reached, ours)).collect()
    }

    /// What is wrong, if anything: `knocked` is how each knock ended.
    pub fn judge(&self, wanted: &BTreeSet<u16>, knocked: &BTreeMap<(IpAddr, u16), Knock>) -> Option<String> {
        let mut wrong: Vec<String> = Vec::new();
        let open: BTreeSet<u16> = knocked
            .iter()
            .filter(|(_, end)| **end == Knock::Open)
            .map(|((_, port), _)| *port)
            .collect();
        for port in open.difference(wanted) {
            let at = |v6: bool| {
                knocked
                    .iter()
                    .any(|((address, of), end)| *end == Knock::Open && of == port && address.is_ipv6() == v6)
            };
            let family = match (at(false), at(true)) {
                (true, true) => "",
                (true, false) => " over IPv4",
                _ => " over IPv6",
            };
            wrong.push(format!(
                "{port} is open{family}, and not among `exposed`: {}",
                self.why_open(*port)
            ));
        }
        for port in wanted {
            for v6 in [false, true] {
                let knocks: Vec<Knock> = knocked
                    .iter()
                    .filter(|((address, of), _)| of == port && address.is_ipv6() == v6)
                    .map(|(_, end)| *end)
                    .collect();
                let asked = knocks.iter().any(|end| *end != Knock::NoWay);
                let family = if v6 { "IPv6" } else { "IPv4" };
                // What nobody serves by one of the two is missing there only if it is not open at all.
                let served = self.serves(*port, v6) || !open.contains(port);
                if asked && served && !knocks.contains(&Knock::Open) {
                    wrong.push(format!(
                        "{port} is not open over {family}: {}",
                        self.why_closed(*port, v6)
                    ));
                }
            }
        }
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Addresses of a family that nobody can knock at from here.
    pub fn unreached(&self, knocked: &BTreeMap<(IpAddr, u16), Knock>) -> Option<IpAddr> {
        let all: BTreeSet<IpAddr> = knocked.keys().map(|(address, _)| *address).collect();
        let no_way = |address: &IpAddr| {
            let mut ends = knocked.iter().filter(|((of, _), _)| of == address);
            ends.all(|(_, end)| *end == Knock::NoWay)
        };
        all.into_iter().find(no_way)
    }

    /// Whether something that listens at `address` is reached over IPv6, or IPv4.
    fn takes(address: &str, v6: bool) -> bool {
        // A socket of `*` or `[::]` takes both.
        matches!(address, "*" | "[::]") || address.starts_with('[') == v6 && !is_loopback(address)
    }

    fn serves(&self, port: u16, v6: bool) -> bool {
        let mut places = self.listening.get(&port).into_iter().flatten();
        places.any(|(address, _)| Self::takes(address, v6)) || !v6 && self.forwarded.contains_key(&port)
    }

    fn why_open(&self, port: u16) -> String {
        if let Some((to, line)) = self.forwarded.get(&port) {
            let who = match line.to_ascii_lowercase().contains("docker") {
                true => "Docker forwards",
                false => "the kernel forwards",
            };
            let past = if self.ufw { " past ufw" } else { "" };
            return format!("{who} it to {to}{past}; publish it at 127.0.0.1, or name it (`{line}`)");
        }
        match self
            .listening
            .get(&port)
            .and_then(|places| places.iter().find(|(address, _)| !is_loopback(address)))
        {
            Some((address, process)) => {
                format!("{process} listens at {address}:{port}; close it, or name it")
            }
            None => "nothing on the host says why; something before it answers".into(),
        }
    }

    fn why_closed(&self, port: u16, v6: bool) -> String {
        match self.listening.get(&port) {
            None if self.forwarded.contains_key(&port) => "it is forwarded, and nothing answers there".into(),
            None => "nothing listens there".into(),
            Some(places) => match places
                .iter()
                .find(|(address, _)| Self::takes(address, v6))
                .or(places.iter().next())
            {
                Some((address, process)) if is_loopback(address) => {
                    format!("{process} listens at {address} alone")
                }
                Some((address, process)) => {
                    format!("{process} listens at {address}, and a firewall on the way keeps us out")
                }
                None => "nothing listens there".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOST: &str = "\
@ufw
@address 203.0.113.9/24
@address 10.0.0.9/24
@address 2001:db8::9/64
@listens LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=9,fd=3))
@listens LISTEN 0 128 [::]:22 [::]:* users:((\"sshd\",pid=9,fd=4))
@listens LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=12,fd=6))
@listens LISTEN 0 128 127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=13,fd=6))
@listens LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*
@nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
@nat -A DOCKER ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.2:53
@nat tcp dport { 9000, 9001-9002 } dnat to 10.88.0.2:9000
";

    fn ports(list: &[u16]) -> BTreeSet<u16> {
        list.iter().copied().collect()
    }

    fn v4() -> IpAddr {
        "203.0.113.9".parse().expect("an address")
    }

    fn v6() -> IpAddr {
        "2001:db8::9".parse().expect("an address")
    }

    /// The knocks, of which these open.
    fn knocked(doors: &Doors, wanted: &[u16], open: &[(IpAddr, u16)]) -> BTreeMap<(IpAddr, u16), Knock> {
        let knocks = doors.knocks(v4(), 22, &ports(wanted)).into_iter();
        knocks
            .map(|knock| {
                (
                    knock,
                    if open.contains(&knock) {
                        Knock::Open
                    } else {
                        Knock::Closed
                    },
                )
            })
            .collect()
    }

    #[test]
    fn every_door_is_knocked_at_but_the_one_we_came_by() {
        let doors = Doors::read(HOST);
        let knocks = doors.knocks(v4(), 22, &ports(&[443]));
        let of = |address: IpAddr| -> Vec<u16> {
            knocks
                .iter()
                .filter(|(to, _)| *to == address)
                .map(|(_, port)| *port)
                .collect()
        };
        assert_eq!(of(v4()), [80, 443, 8080, 9000, 9001, 9002]);
        assert_eq!(of(v6()), [22, 80, 443, 8080, 9000, 9001, 9002]);
        assert!(
            of("10.0.0.9".parse().expect("an address")).is_empty(),
            "it may be another's here"
        );
    }

    #[test]
    fn more_and_less_than_is_said_is_wrong() {
        let doors = Doors::read(HOST);
        let right = [(v6(), 22), (v4(), 80)];
        assert_eq!(
            doors.judge(&ports(&[22, 80]), &knocked(&doors, &[22, 80], &right)),
            None
        );
        for (wanted, open, words) in [
            (
                &[22, 80][..],
                vec![(v6(), 22), (v4(), 80), (v4(), 8080)],
                "8080 is open over IPv4, and not among `exposed`: Docker forwards it to 172.17.0.2:80 past ufw",
            ),
            (
                &[22, 80][..],
                vec![(v6(), 22), (v4(), 80), (v4(), 8080)],
                "publish it at 127.0.0.1, or name it (`-A DOCKER",
            ),
            (
                &[22][..],
                vec![(v6(), 22), (v4(), 80), (v6(), 80)],
                "80 is open, and not among `exposed`: nginx listens at 0.0.0.0:80",
            ),
            (
                &[22, 80][..],
                vec![(v4(), 80)],
                "22 is not open over IPv6: sshd listens at [::], and a firewall",
            ),
            (
                &[22, 5432][..],
                vec![(v6(), 22)],
                "5432 is not open over IPv4: postgres listens at 127.0.0.1 alone",
            ),
            (
                &[22, 443][..],
                vec![(v6(), 22)],
                "443 is not open over IPv4: nothing listens there",
            ),
        ] {
            let wrong = doors
                .judge(&ports(wanted), &knocked(&doors, wanted, &open))
                .unwrap_or_default();
            assert!(wrong.contains(words), "{words} in {wrong}");
        }
    }

    #[test]
    fn what_cannot_be_knocked_at_is_known() {
        let doors = Doors::read(HOST);
        let mut all = knocked(&doors, &[22, 80], &[(v4(), 80)]);
        assert_eq!(doors.unreached(&all), None);
        all.iter_mut()
            .filter(|((address, _), _)| address.is_ipv6())
            .for_each(|(_, end)| *end = Knock::NoWay);
        assert_eq!(doors.judge(&ports(&[22, 80]), &all), None);
        assert_eq!(doors.unreached(&all), Some(v6()));
    }

    proptest! {
        #[test]
        fn any_answer_is_read(lines in proptest::collection::vec("(@nat|@listens|@address|@ufw)? ?.{0,60}", 0..12)) {
            let doors = Doors::read(&lines.join("\n"));
            let _ = doors.knocks(v4(), 22, &BTreeSet::new());
        }
    }
}
