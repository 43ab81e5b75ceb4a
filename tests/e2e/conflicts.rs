//! A log belongs to one of logrotate's files: another that has it is named in the plan, where it is known by then.

use crate::host::Host;

fn rotates(log: &str) -> String {
    format!("name: x\nlogrotate:\n  api: {{ paths: [{log}] }}\n")
}

#[test]
fn a_log_of_another_file_is_named_in_the_plan() {
    let Some(host) = Host::boot() else { return };
    host.sh("printf '# theirs\\n/srv/a.log {\\n postrotate\\n  /srv/c.log\\n endscript\\n}\\n\"/srv/b b.log\"\\n{\\n}\\n' >/etc/logrotate.d/theirs");
    for (log, words) in [
        ("/srv/a.log", "rotates /srv/a.log (line 2)"),
        ("/srv/?.log", "rotates /srv/a.log (line 2)"),
        ("'/srv/b b.log'", "rotates /srv/b b.log (line 7)"),
        (
            "/var/log/btmp",
            "/etc/logrotate.d/btmp rotates /var/log/btmp (line 2)",
        ),
    ] {
        let refused = host.plan(&rotates(log));
        assert_eq!(refused.status, 1, "{log}: {}", refused.stdout);
        let said = refused.text();
        assert!(
            said.contains(words) && said.contains("/etc/logrotate.d/api"),
            "{words} in\n{said}"
        );
    }
    let two = rotates("/srv/own.log") + "  web: { paths: [/srv/*.log] }\nabsent: [/etc/logrotate.d/theirs]\n";
    let refused = host.plan(&two);
    assert!(
        refused.text().contains("(logrotate.web of this playbook)"),
        "{}",
        refused.stderr
    );
    // What stands in a script is no log, and a file that goes is in nobody's way.
    host.converge(&rotates("/srv/c.log"));
    host.converge(&(rotates("/srv/a.log") + "absent: [/etc/logrotate.d/theirs]\n"));
    // A file that comes with a command of the same playbook: the step itself finds it.
    host.sh("printf '/srv/late.log {\\n}\\n' >/srv/late");
    let late = rotates("/srv/late.log").replace(" }", ", after: [command.bring] }");
    let bring =
        "commands: { bring: { run: mv /srv/late /etc/logrotate.d/late, creates: /etc/logrotate.d/late } }\n";
    let failed = host.apply(&(late + bring));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(
        failed
            .stdout
            .contains("/etc/logrotate.d/late rotates /srv/late.log"),
        "{}",
        failed.stdout
    );
    host.sh("grep -qF /srv/a.log /etc/logrotate.d/api");
}
