//! What is open is seen from outside, over IPv4 and IPv6.

use std::process::Command;

use crate::host::{Host, Run};

const PLAYBOOK: &str = "
name: p
ufw: { allow: [22/tcp, 80/tcp] }
checks: { open: { exposed: [22, 80], within: 1s } }
";

/// What Docker does for `-p 8080:80`: the container's network, and the chains that come before ufw's.
const DOCKER: &str = "mount -o remount,rw /proc/sys; echo 1 >/proc/sys/net/ipv4/ip_forward
  unshare -n sleep infinity >/dev/null 2>&1 </dev/null & echo $! >/run/box
  until [ \"$(readlink /proc/$(cat /run/box)/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.05; done
  ip link add docker0 type veth peer name eth0 netns $(cat /run/box)
  ip addr add 172.31.0.1/24 dev docker0; ip link set docker0 up
  box() { nsenter -t $(cat /run/box) -n \"$@\"; }
  box ip link set lo up; box ip addr add 172.31.0.2/24 dev eth0; box ip link set eth0 up; box ip route add default via 172.31.0.1
  systemd-run -q --unit=box nsenter -t $(cat /run/box) -n python3 -m http.server 80
  iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
  iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.31.0.2:80
  iptables -I FORWARD -o docker0 -j ACCEPT; iptables -I FORWARD -i docker0 -j ACCEPT
  until box bash -c 'exec 3<>/dev/tcp/127.0.0.1/80' 2>/dev/null; do sleep 0.1; done";

#[test]
fn what_is_open_is_what_the_playbook_says() {
    let Some(host) = Host::boot() else { return };
    // IPv6 between here and there.
    let address = host.machine.address().to_string();
    let way = Command::new("ip")
        .args(["-o", "route", "get", &address])
        .output()
        .expect("ip runs");
    let way = String::from_utf8_lossy(&way.stdout).into_owned();
    let interface = way
        .split("dev ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("an interface")
        .to_owned();
    let net = address.replace('.', ":");
    let ours = Command::new("ip")
        .args([
            "-6",
            "addr",
            "add",
            &format!("fd00:{net}:0:0:1/112"),
            "dev",
            &interface,
            "nodad",
        ])
        .status();
    assert!(ours.expect("ip runs").success());
    host.sh(&format!(
        "ip -6 addr add fd00:{net}:0:0:2/112 dev eth0 nodad; systemctl start nginx"
    ));

    let opens = |run: Run| assert!(run.ok().stdout.contains("check open"), "no check");
    let closed = |words: &[&str]| {
        let run = host.apply(PLAYBOOK);
        assert_eq!(run.status, 1, "{}", run.stdout);
        let said = run.stdout + &run.stderr;
        words
            .iter()
            .for_each(|word| assert!(said.contains(word), "{word} in\n{said}"));
    };
    opens(host.converge(PLAYBOOK));
    // What listens behind the firewall is not open.
    host.sh("systemd-run -q --unit=behind python3 -m http.server 8081; until ss -ltn | grep -q :8081; do sleep 0.1; done");
    opens(host.apply(PLAYBOOK));
    host.sh("ufw allow 8081/tcp");
    closed(&["8081 is open", "python3 listens at 0.0.0.0:8081"]);
    host.sh("ufw delete allow 8081/tcp; systemctl stop behind");

    host.sh(DOCKER);
    closed(&[
        "8080 is open over IPv4, and not among `exposed`: Docker forwards it to 172.31.0.2:80 past ufw",
    ]);
    opens(host.apply(&PLAYBOOK.replace("80], ", "80, 8080], ")));
    host.sh("iptables -t nat -F DOCKER; systemctl stop box; kill $(cat /run/box)");

    host.sh("ip6tables -I INPUT -p tcp --dport 80 -j REJECT");
    // The plan refuses that by itself; the host's own last word is asked without a playbook.
    let verified = crate::host::run(&mut host.bare("verify"));
    assert!(
        (verified.stdout + &verified.stderr).contains("80 is not open over IPv6"),
        "IPv6 is not knocked at"
    );
    host.sh("ip6tables -D INPUT -p tcp --dport 80 -j REJECT; systemctl stop nginx");
    closed(&["80 is not open over IPv4: nothing listens there"]);
}
