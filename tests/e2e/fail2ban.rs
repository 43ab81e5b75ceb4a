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
}
