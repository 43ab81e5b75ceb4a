//! The firewall: it never shuts out who switches it on, and leaves alone what others let in.

use std::process::{Command, Stdio};

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

    host.converge(&allow(&format!("22/tcp from {from}")));
    assert!(
        host.sh("iptables -S")
            .contains(&format!("-s {from}/32 -p tcp -m tcp --dport 22 -j ACCEPT"))
    );
}

#[test]
fn a_firewall_that_shuts_us_out_is_switched_off_again() {
    let Some(host) = Host::boot() else { return };
    // No new connection gets in, whatever the rules say; the one the plan was made over goes on.
    host.sh("sed -i '/^# End required lines/a -A ufw-before-input -p tcp --dport 22 --syn -j DROP' /etc/ufw/before.rules");
    let failed = host.apply(&allow("22/tcp"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(
        said.contains("no new SSH connection got in within 30 s"),
        "{said}"
    );
    let plan = host.plan(&allow("22/tcp"));
    assert_eq!(plan.status, 2, "the host cannot be reached: {}", plan.stderr);
    assert!(plan.stdout.contains("firewall: off → on"), "{}", plan.stdout);
    assert!(!host.sh("iptables -S").contains("--syn"));
    assert_eq!(host.sh("ufw status"), "Status: inactive");
}
