//! The network of one host: a namespace, a veth pair with a /30, and a way out.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::command::{program, run, succeeds};
use super::disk;
use super::error::RehearsalError;

const HELP: &str = "this needs root and the kernel's veth, network namespaces and NAT";
/// All hosts' subnets lie in it.
const RANGE: &str = "10.99.0.0/16";

/// The network that belongs to a slot's number: everything follows from it, so that it can be
/// removed knowing nothing else.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// The namespace's name.
    pub(super) netns: String,
    /// This machine's end of the veth pair.
    link: String,
    /// This machine's address.
    pub(super) gateway: Ipv4Addr,
    /// The host's address.
    pub(super) address: Ipv4Addr,
    subnet: String,
}

impl Network {
    pub(super) fn of(slot: u16) -> Self {
        let base = u32::from(Ipv4Addr::new(10, 99, 0, 0)) + u32::from(slot) * 4;
        Self {
            netns: format!("hostwright-{slot}"),
            link: format!("hw{slot}"),
            gateway: Ipv4Addr::from(base + 1),
            address: Ipv4Addr::from(base + 2),
            subnet: format!("{}/30", Ipv4Addr::from(base)),
        }
    }

    /// The file that stands for the namespace.
    pub(super) fn netns_path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.netns)
    }

    /// Whether an interface of this machine has addresses that overlap with it.
    pub(super) fn is_taken(&self, addresses: &[(Ipv4Addr, u32)]) -> bool {
        addresses.iter().any(|(address, prefix)| {
            let mask = u32::MAX.checked_shl(32 - (*prefix).min(30)).unwrap_or(0);
            u32::from(*address) & mask == u32::from(self.address) & mask
        })
    }

    /// Makes it. The caller holds the lock on all hosts: `ip netns add` and iptables do not
    /// like company.
    pub(super) fn create(&self) -> Result<(), RehearsalError> {
        let Self { netns, link, .. } = self;
        ip(&["netns", "add", netns])?;
        ip(&[
            "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", netns,
        ])?;
        ip(&["address", "add", &format!("{}/30", self.gateway), "dev", link])?;
        ip(&["link", "set", link, "up"])?;
        ip(&[
            "-n",
            netns,
            "address",
            "add",
            &format!("{}/30", self.address),
            "dev",
            "eth0",
        ])?;
        ip(&["-n", netns, "link", "set", "lo", "up"])?;
        ip(&["-n", netns, "link", "set", "eth0", "up"])?;
        ip(&[
            "-n",
            netns,
            "route",
            "add",
            "default",
            "via",
            &self.gateway.to_string(),
        ])?;
        disk::write(Path::new("/proc/sys/net/ipv4/ip_forward"), "1")?;
        for rule in self.rules() {
            run(&mut iptables("-I", &rule), HELP)?;
        }
        Ok(())
    }

    /// Removes what there is of it. The caller holds the lock on all hosts.
    pub(super) fn remove(&self) -> Result<(), RehearsalError> {
        for rule in self.rules() {
            if succeeds(&mut iptables("-C", &rule))? {
                run(&mut iptables("-D", &rule), HELP)?;
            }
        }
        // By name and first: the namespace, and the pair with it, can linger after its removal.
        if Path::new("/sys/class/net").join(&self.link).exists() {
            ip(&["link", "delete", &self.link])?;
        }
        if self.netns_path().exists() {
            ip(&["netns", "delete", &self.netns])?;
        }
        Ok(())
    }

    /// Table, chain and match of each rule: out with this machine's address, and through it
    /// even where a container engine drops what it does not know.
    fn rules(&self) -> [Vec<&str>; 3] {
        [
            vec![
                "nat",
                "POSTROUTING",
                "-s",
                &self.subnet,
                "!",
                "-d",
                RANGE,
                "-j",
                "MASQUERADE",
            ],
            vec!["filter", "FORWARD", "-i", &self.link, "-j", "ACCEPT"],
            vec!["filter", "FORWARD", "-o", &self.link, "-j", "ACCEPT"],
        ]
    }
}

/// The IPv4 addresses of this machine with their prefix lengths.
pub(super) fn addresses() -> Result<Vec<(Ipv4Addr, u32)>, RehearsalError> {
    let text = ip(&["-4", "-o", "address", "show"])?;
    let after_inet = text
        .lines()
        .filter_map(|line| line.split_whitespace().skip_while(|w| *w != "inet").nth(1));
    Ok(after_inet
        .filter_map(|word| word.split_once('/'))
        .filter_map(|(address, prefix)| Some((address.parse().ok()?, prefix.parse().ok()?)))
        .collect())
}

/// This machine's resolvers, as they are reachable from another network namespace: a stub on
/// the loopback is not, so systemd-resolved's own list stands in for it.
pub(super) fn resolv_conf() -> Result<String, RehearsalError> {
    let path = "/etc/resolv.conf";
    let text = fs::read_to_string(path).map_err(RehearsalError::io("read", path))?;
    let is_stub = |line: &str| line.trim_start().starts_with("nameserver") && line.contains(" 127.");
    if text.lines().any(is_stub)
        && let Ok(upstream) = fs::read_to_string("/run/systemd/resolve/resolv.conf")
    {
        return Ok(upstream);
    }
    Ok(text)
}

fn ip(arguments: &[&str]) -> Result<String, RehearsalError> {
    run(program("ip").args(arguments), HELP)
}

fn iptables(action: &str, rule: &[&str]) -> std::process::Command {
    let mut command = program("iptables");
    command
        .args(["--wait", "--table", rule[0], action])
        .args(&rule[1..]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_follow_from_the_slot() {
        let first = Network::of(64);
        assert_eq!(
            (first.gateway, first.address),
            ("10.99.1.1".parse().unwrap(), "10.99.1.2".parse().unwrap())
        );
        let last = Network::of(16383);
        assert_eq!(last.address, "10.99.255.254".parse::<Ipv4Addr>().unwrap());
    }

    #[test]
    fn a_subnet_in_use_is_seen() {
        let network = Network::of(64);
        let has = |address: &str, prefix| network.is_taken(&[(address.parse().unwrap(), prefix)]);
        assert!(has("10.99.1.1", 30));
        assert!(has("10.99.0.1", 16));
        assert!(has("10.99.1.2", 32));
        assert!(has("10.0.0.1", 8));
        assert!(!has("10.99.0.1", 24));
        assert!(!has("10.99.1.5", 30));
    }
}
