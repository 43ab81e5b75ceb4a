//! The firewall: it never shuts out who switches it on, and leaves alone what others let in.

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::host::{Host, Run, run};

fn allow(rules: &str) -> String {
    format!("name: wall\nufw: {{ allow: [{rules}] }}\n")
}

/// Everything that a firewall is made of.
fn state(host: &Host) -> String {
    host.sh("find /etc/ufw /etc/default/ufw -type f -exec sha256sum {} + | sort -k 2; iptables -S; ip6tables -S; ls /var/lib")
}

fn refused(run: Run, words: &[&str]) {
    assert_eq!(run.status, 1, "{}", run.stdout);
    for word in words {
        assert!(run.stderr.contains(word), "{word} in\n{}", run.stderr);
    }
}

#[test]
fn the_firewall_goes_on_and_leaves_what_others_made() {
    let Some(host) = Host::boot() else { return };
    let playbook = allow("22/tcp, 6000:6007/udp, 443/tcp from 10.1.2.3/8");
    let plan = host.plan(&playbook).stdout;
    let rule = plan.find("allow 22/tcp").expect("a rule for SSH");
    assert!(plan.find("firewall on").is_some_and(|on| rule < on), "{plan}");
    host.converge(&playbook);
    let rules = host.sh("iptables -S");
    for line in [
        "-P INPUT DROP",
        "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A ufw-user-input -p udp -m multiport --dports 6000:6007 -j ACCEPT",
        "-A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 443 -j ACCEPT",
    ] {
        assert!(rules.contains(line), "{line} in\n{rules}");
    }

    host.sh("ufw allow 9999/udp; iptables -A INPUT -s 192.0.2.1/32 -j ACCEPT");
    let more = playbook.replace("22/tcp,", "22/tcp, 8080/tcp,");
    let plan = host.plan(&more);
    let said = "stays, and is not in the playbook: allow 9999/udp";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);
    host.converge(&more);
    let rules = host.sh("iptables -S");
    for line in [
        "--dport 8080 -j ACCEPT",
        "--dport 9999 -j ACCEPT",
        "-A INPUT -s 192.0.2.1/32 -j ACCEPT",
    ] {
        assert!(rules.contains(line), "{line} in\n{rules}");
    }

    host.sh("ufw disable");
    let plan = host.plan(&more);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("firewall: off → on"), "{}", plan.stdout);
    host.converge(&more);
    assert!(host.sh("iptables -S").contains("-P INPUT DROP"));
}

#[test]
fn a_playbook_that_would_shut_us_out_is_refused() {
    let Some(host) = Host::boot() else { return };
    let from = host.machine.gateway();
    let before = state(&host);
    for playbook in [
        allow("80/tcp"),
        allow("22/udp"),
        allow("22/tcp from 203.0.113.7"),
        allow("22/tcp from fd00::/8"),
    ] {
        let words = ["shut out this connection", "at port 22", "add `22/tcp`"];
        refused(host.plan(&playbook), &words);
        refused(host.apply(&playbook), &words);
    }
    let twice = "name: wall\nufw: { allow: [22/tcp], limit: [22/tcp] }\n";
    refused(host.plan(twice), &["a rule for `22/tcp` stands here already"]);
    assert_eq!(state(&host), before, "the host was touched");

    // sshd listens elsewhere, and that is where we come from.
    host.sh("printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh");
    let known = std::fs::read_to_string(host.machine.known_hosts()).expect("known hosts");
    let address = host.machine.address().to_string();
    let known = host.file("known", &known.replace(&address, &format!("[{address}]:2222")));
    let playbook = host.file("wall.yml", &allow("22/tcp"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command
        .arg("plan")
        .arg(playbook)
        .arg(format!("root@{address}:2222"));
    command
        .arg("--identity")
        .arg(host.machine.identity())
        .arg("--known-hosts")
        .arg(known);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    refused(run(&mut command), &["at port 2222", "add `2222/tcp`"]);

    // What others allow counts where it stands: the first rule decides.
    host.sh(&format!("ufw deny from {from}; ufw allow OpenSSH"));
    let keeps_out = format!("`deny from {from}` keeps {from} out at port 22");
    refused(host.plan(&allow("80/tcp")), &[&keeps_out, "add `22/tcp`"]);
    host.sh(&format!("ufw delete deny from {from}"));
    assert_eq!(host.plan(&allow("80/tcp")).status, 2, "a profile lets us in");
    host.sh("ufw delete allow OpenSSH; ufw allow in on eth0 from any; sed -i s/IPV6=yes/IPV6=no/ /etc/default/ufw");
    assert_eq!(host.plan(&allow("80/tcp")).status, 2, "an interface lets us in");
    refused(
        host.plan(&allow("22/tcp, 80/tcp from fd00::/8")),
        &["is about IPv6", "IPV6=yes"],
    );
    host.sh("ufw delete allow in on eth0; sed -i s/IPV6=no/IPV6=yes/ /etc/default/ufw");

    host.converge(&allow(&format!("22/tcp from {from}")));
    assert!(
        host.sh("iptables -S")
            .contains(&format!("-s {from}/32 -p tcp -m tcp --dport 22 -j ACCEPT"))
    );
}

/// No new connection gets in once ufw has loaded this, whatever its rules say; the one that is open goes on. No
/// plan can know what it does.
fn shut(host: &Host) {
    host.sh("sed -i '/^# End required lines/a -A ufw-before-input -p tcp --dport 22 -m length --length 20:100 --syn -j DROP' /etc/ufw/before.rules");
}

#[test]
fn a_firewall_that_shuts_us_out_is_switched_off_again() {
    let Some(host) = Host::boot() else { return };
    shut(&host);
    let files = "cd /etc; sha256sum ufw/* default/ufw 2>/dev/null; ls /etc/ufw";
    let before = host.sh(files);
    let failed = host.apply(&allow("22/tcp"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(
        said.contains("no new SSH connection got in within 45 s"),
        "{said}"
    );
    let plan = host.plan(&allow("22/tcp"));
    assert_eq!(plan.status, 2, "the host cannot be reached: {}", plan.stderr);
    assert!(plan.stdout.contains("firewall: off → on"), "{}", plan.stdout);
    assert!(!host.sh("iptables -S").contains("--syn"));
    assert_eq!(host.sh("ufw status"), "Status: inactive");
    assert_eq!(host.sh(files), before);
}

#[test]
fn rules_that_shut_us_out_are_put_back_in_files_and_kernel() {
    let Some(host) = Host::boot() else { return };
    host.sh("ufw deny from 203.0.113.0/24; ufw limit 22/tcp; ufw --force enable");
    host.sh(
        "iptables -A ufw-user-input -p tcp --dport 7777 -j ACCEPT; ip6tables -I INPUT -s fd00::1 -j ACCEPT",
    );
    shut(&host);
    let before = state(&host);
    let playbook = allow("22/tcp, 80/tcp");
    let plan = host.plan(&playbook).stdout;
    for said in [
        "limit 22/tcp becomes allow 22/tcp",
        "allow 22/tcp goes before deny from 203.0.113.0/24",
        "the kernel does not have the firewall as ufw keeps it",
        "goes: -A ufw-user-input -p tcp -m tcp --dport 7777 -j ACCEPT",
    ] {
        assert!(plan.contains(said), "{said} in\n{plan}");
    }
    let failed = host.apply(&playbook);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert_eq!(state(&host).replace("\nhostwright", ""), before);
    assert_eq!(host.plan(&playbook).status, 2, "the host cannot be reached");
}

#[test]
fn rules_count_for_what_they_are_about_and_in_their_order() {
    let Some(host) = Host::boot() else { return };
    let from = host.machine.gateway();
    host.sh(&format!(
        "ufw allow from 203.0.113.0/24 to 198.51.100.7 port 5432 proto tcp
        ufw deny from {from} to any port 80 proto tcp
        ufw allow OpenSSH comment 'us'; ufw allow in on eth0 to any port 99 proto tcp; ufw allow proto esp from 10.0.0.9
        ufw deny out 25/tcp; ufw route allow in on eth0 out on eth1; ufw allow from 2001:db8::1
        ufw default deny outgoing; ufw --force enable"
    ));
    let web = SocketAddr::new(host.machine.address().into(), 80);
    let answers = || TcpStream::connect_timeout(&web, Duration::from_secs(1)).is_ok();
    assert!(!answers());
    let database = "5432/tcp from 203.0.113.0/24";
    let plan = host.plan(&allow(database)).stdout;
    assert!(
        plan.contains(&format!("+ ufw.firewall  allow {database}")),
        "{plan}"
    );
    for foreign in [
        "allow from 203.0.113.0/24 to 198.51.100.7 port 5432 proto tcp",
        &format!("deny 80/tcp from {from}"),
        "allow OpenSSH (us)",
        "allow in on eth0 99/tcp",
        "allow from 10.0.0.9 proto esp",
        "deny out 25/tcp",
        "route allow in on eth0 out on eth1",
        "allow from 2001:db8::1",
    ] {
        let said = format!("stays, and is not in the playbook: {foreign}\n");
        assert!(plan.contains(&said), "{said} in\n{plan}");
    }
    host.converge(&allow(database));
    let opened = "-A ufw-user-input -s 203.0.113.0/24 -p tcp -m tcp --dport 5432 -j ACCEPT";
    assert!(host.sh("iptables -S").contains(opened));

    let playbook = allow(&format!("{database}, 80/tcp"));
    let said = format!("allow 80/tcp goes before deny 80/tcp from {from}");
    let plan = host.plan(&playbook).stdout;
    assert!(plan.contains(&said), "{plan}");
    host.converge(&playbook);
    assert!(answers(), "{}", host.sh("iptables -S ufw-user-input"));
    let rules =
        host.sh("iptables -S; grep -c '^### tuple' /etc/ufw/user.rules; stat -c %a /etc/ufw/user.rules");
    for line in [
        "-P OUTPUT DROP",
        "-A ufw-user-input -s 10.0.0.9/32 -p esp -j ACCEPT",
        "-A ufw-user-forward -i eth0 -o eth1 -j ACCEPT",
        opened,
        "9\n640",
    ] {
        assert!(rules.contains(line), "{line} in\n{rules}");
    }

    // What is in the files and not in the kernel is loaded; what decides before ufw's rules is said.
    host.sh("iptables -P INPUT ACCEPT; iptables -F ufw-user-input");
    let plan = host.plan(&playbook).stdout;
    assert!(
        plan.contains(&format!(
            "comes: {}",
            "-A ufw-user-input -p tcp --dport 80 -j ACCEPT"
        )),
        "{plan}"
    );
    host.converge(&playbook);
    assert!(host.sh("iptables -S").contains("-P INPUT DROP"));
    // Into a firewall that was stopped behind ufw's back ufw can put no rule.
    host.sh("/lib/ufw/ufw-init force-stop");
    let playbook = allow(&format!("{database}, 80/tcp, 81/tcp"));
    host.converge(&playbook);
    assert!(
        host.sh("iptables -S ufw-user-input")
            .contains("--dport 81 -j ACCEPT")
    );
    host.sh("iptables -I INPUT -p tcp --dport 80 -j DROP");
    let words = [
        "`allow 80/tcp` would let nothing in",
        "iptables -D INPUT -p tcp -m tcp --dport 80 -j DROP",
    ];
    refused(host.plan(&playbook), &words);
}

#[test]
fn a_limit_on_our_own_port_does_not_undo_what_is_right() {
    let Some(host) = Host::boot() else { return };
    let playbook = "name: wall\nufw: { limit: [22/tcp], allow: [80/tcp] }\n";
    for _ in 0..4 {
        assert_eq!(host.plan(playbook).status, 2);
    }
    host.apply(playbook).ok();
    // That the kernel counts anew: the proof of the first apply was a connection, too.
    host.sh("ufw reload");
    for _ in 0..4 {
        let plan = host.plan(playbook).ok();
        assert!(plan.stdout.contains("Nothing to change."), "{}", plan.stdout);
    }
    let more = "files: { /etc/ssh/sshd_config.d/10-x.conf: { content: \"MaxAuthTries 5\\n\" } }\n";
    host.apply(&format!("{playbook}{more}")).ok();
    assert_eq!(host.sh("sshd -T | grep -i maxauthtries"), "maxauthtries 5");
    let refused = host.sh("iptables -nvxL ufw-user-limit | awk '/REJECT/ { print $1 }'");
    assert_ne!(refused, "0", "the proof never came to the limit");
    // Whoever comes too often is not told that sshd has stopped.
    let plans = (0..10).map(|_| host.plan(playbook));
    let shut = plans
        .into_iter()
        .find(|plan| plan.status == 1)
        .expect("the limit is met");
    assert!(
        shut.text()
            .contains("a firewall limits how often one may connect"),
        "{}",
        shut.stderr
    );
}

#[test]
fn rules_of_every_sort_converge_and_go_again() {
    let Some(host) = Host::boot() else { return };
    host.sh("ufw allow 3306/tcp; ufw deny log from 192.0.2.2 comment old; ufw allow 80/tcp");
    let before = host.sh("grep -h ^DEFAULT /etc/default/ufw");
    let playbook = "
name: wall
ufw:
  rules: [allow 22/tcp from 10.99.0.0/16]
  allow:
    - 22/tcp comment the door
    - 80,443/tcp
    - in on lo0
    - from 10.0.0.0/8 to 198.51.100.7 port 5432 proto tcp
    - from any port 68 to any port 67 proto udp
    - OpenSSH
    - Nginx Full from 10.0.0.0/8
    - route in on wg0 out on eth0
    - out 53
    - out to 192.0.2.9 port 443 proto tcp
  limit: [2222/tcp]
  deny: [from 203.0.113.0/24, out 25/tcp, 8000:8010/udp]
  reject: [113/tcp]
  delete: [allow 3306/tcp, deny log from 192.0.2.2 (old)]
  default: { outgoing: deny, routed: deny }
";
    host.converge(playbook);
    let rules = host.sh("iptables -S; ip6tables -S; ufw status verbose");
    for line in [
        "-P OUTPUT DROP",
        "-A ufw-user-input -s 203.0.113.0/24 -j DROP",
        "-A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT",
        "-A ufw-user-input -d 198.51.100.7/32 -s 10.0.0.0/8 -p tcp -m tcp --dport 5432 -j ACCEPT",
        "-A ufw-user-output -p tcp -m tcp --dport 25 -j DROP",
        "-A ufw-user-forward -i wg0 -o eth0 -j ACCEPT",
        "-A ufw6-user-input -p udp -m multiport --dports 8000:8010 -j DROP",
        "deny (incoming), deny (outgoing), deny (routed)",
        "# the door",
    ] {
        let is = |rule: &str| {
            let (mut one, mut other): (Vec<&str>, Vec<&str>) =
                (rule.split(' ').collect(), line.split(' ').collect());
            one.sort_unstable();
            other.sort_unstable();
            one == other || rule.contains(line)
        };
        assert!(rules.lines().any(is), "{line} in\n{rules}");
    }
    for gone in ["3306", "192.0.2.2"] {
        assert!(!rules.contains(gone), "{gone} in\n{rules}");
    }
    // Another's order: ours is the first again.
    host.sh("ufw insert 1 allow from 203.0.113.0/24");
    host.converge(&playbook.replace(
        "deny: [from 203.0.113.0/24,",
        "deny: [443/tcp from 203.0.113.0/24,",
    ));
    host.converge("name: wall\nufw: { allow: [22/tcp] }\n");
    let left = host.sh("ufw status; grep -h ^DEFAULT /etc/default/ufw");
    for gone in ["443", "5432", "25/tcp", "2222", "113", "OpenSSH", "wg0"] {
        assert!(!left.contains(gone), "{gone} in\n{left}");
    }
    assert!(left.ends_with(&before), "{left}\n{before}");
    assert!(left.contains("80/tcp"), "what others made is gone: {left}");
}
