//! fail2ban: its files are loaded together, and what it does not take is undone.

use crate::host::Host;

#[test]
fn jails_are_loaded_together_or_not_at_all() {
    let Some(host) = Host::boot() else { return };
    fail2ban(&host);
}

#[test]
fn jails_are_loaded_together_or_not_at_all_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    fail2ban(&host);
}

fn fail2ban(host: &Host) {
    // The jail before the filter that it names; as packaged in Debian 12, fail2ban does not start without them.
    let jails = |ban: &str| {
        format!(
            "
name: p
apt: {{ packages: [fail2ban] }}
files:
  /etc/fail2ban/jail.d/app.local:
    content: |
      [DEFAULT]
      backend = systemd
      [app]
      enabled = true
      filter = app
      bantime = {ban}
  /etc/fail2ban/filter.d/app.local:
    content: |
      [Definition]
      failregex = ^no entry for <HOST>$
systemd: {{ fail2ban: {{}} }}
"
        )
    };
    let banned = |host: &Host| host.sh("fail2ban-client get app bantime");
    host.converge(&jails("600"));
    assert_eq!(banned(host), "600");
    host.converge(&jails("700"));
    assert_eq!(banned(host), "700");

    // Its own test lets this pass, and a reload that fails leaves no jail at all.
    for (playbook, word) in [
        (jails("never"), "never"),
        (jails("700").replace("filter = app", "filter = gone"), "gone"),
    ] {
        let failed = host.apply(&playbook);
        assert_eq!(failed.status, 1, "{}", failed.stdout);
        let said = failed.stdout + &failed.stderr;
        assert!(said.contains(word), "{word} in\n{said}");
        assert!(
            said.contains("put back: /etc/fail2ban/jail.d/app.local"),
            "{said}"
        );
        crate::host::wait_for("the jail is back", || {
            host.sh("fail2ban-client get app bantime 2>/dev/null || true") == "700"
        });
    }
    host.converge(&jails("700"));
    bans(host);
}

/// A second host, in a network of its own, that can reach this one.
const OTHER: &str = "unshare -n sleep infinity >/dev/null 2>&1 </dev/null & echo $! >/run/other
  until [ \"$(readlink /proc/$(cat /run/other)/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.05; done
  ip link add other type veth peer name eth0 netns $(cat /run/other)
  ip addr add 192.0.2.1/24 dev other; ip link set other up
  printf 'nsenter -t %s -n \"$@\"\n' $(cat /run/other) >/usr/local/bin/other; chmod +x /usr/local/bin/other
  other ip addr add 192.0.2.7/24 dev eth0; other ip link set eth0 up";

const SSH: &str =
    "ssh -o BatchMode=yes -o ConnectTimeout=2 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";

/// Who fails too often is banned and let in again; whoever applies is not.
fn bans(host: &Host) {
    let jails = "
name: p
fail2ban:
  sshd: { maxretry: 2, findtime: 10m, bantime: 1h }
  nginx-botsearch: { logpath: [/var/log/nginx/access.log], maxretry: 2, bantime: 4s }
apt: { packages: [nginx] }
";
    let us = host.machine.gateway();
    // We have failed more often than the jail allows before it is there.
    for _ in 0..3 {
        let here = format!("{SSH} nobody-here@{} true", host.machine.address());
        let failed = std::process::Command::new("sh").args(["-c", &here]).output();
        assert!(!failed.expect("ssh runs").status.success());
    }
    host.converge(jails);
    let ignored = host.sh("fail2ban-client get sshd ignoreip");
    assert!(ignored.contains(&us.to_string()), "{ignored}");
    let second = host.plan(jails).ok();
    assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);

    host.sh(OTHER);
    let reaches = |host: &Host, port: u16| {
        let knock = format!(
            "other timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.1/{port}' 2>/dev/null && echo yes || echo no"
        );
        host.sh(&knock) == "yes"
    };
    assert!(reaches(host, 22) && reaches(host, 80));
    // On a loaded machine not every try becomes a login that fails.
    crate::host::wait_for("the other to be banned from SSH", || {
        host.sh(&format!(
            "other {SSH} nobody-here@192.0.2.1 true 2>/dev/null || true"
        ));
        host.sh("fail2ban-client status sshd").contains("192.0.2.7")
    });
    crate::host::wait_for("the other to be kept out", || !reaches(host, 22));
    host.sh("fail2ban-client unban 192.0.2.7");
    crate::host::wait_for("the other to be let in", || reaches(host, 22));

    let ask = "other bash -c 'exec 3<>/dev/tcp/192.0.2.1/80; printf \"GET /phpmyadmin/ HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3 >/dev/null' 2>/dev/null || true";
    crate::host::wait_for("the other to be banned from the site", || {
        host.sh(ask);
        !reaches(host, 80)
    });
    crate::host::wait_for("the ban to end", || reaches(host, 80));
    host.sh("kill $(cat /run/other)");
}
