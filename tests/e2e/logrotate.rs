//! Rotated logs: the program that writes them goes on, in the new file.

use crate::host::{Host, wait_for};

/// Applies what logrotate refuses, and proves that nothing of it is left.
#[track_caller]
fn refused(host: &Host, playbook: &str, words: &[&str]) {
    let before = host.sh("ls -A /etc/logrotate.d; cat /etc/logrotate.d/* /etc/logrotate.conf | sha256sum");
    let failed = host.apply(playbook);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout.clone() + &failed.text();
    for word in words {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    let after = host.sh("ls -A /etc/logrotate.d; cat /etc/logrotate.d/* /etc/logrotate.conf | sha256sum");
    assert_eq!(after, before);
}

const ROTATED: &str = r#"
name: rotated
directories:
  /var/log/ticker: { mode: 0755 }
supervisor:
  ticker:
    command: /bin/sh -c 'while :; do date +%s%N; sleep 0.1; done'
    user: nobody
    logs: /var/log/ticker
logrotate:
  ticker:
    paths: ["/var/log/ticker/*.log", "/var/log/with space.log"]
    keep: 3
    create: 0640 root adm
    postrotate: kill -USR2 "$(cat /run/supervisord.pid)"
"#;

#[test]
fn a_log_is_rotated_under_a_running_program() {
    let Some(host) = Host::boot() else { return };
    host.sh("echo text >'/var/log/with space.log'");
    host.converge(ROTATED);
    let pid = host.sh("supervisorctl pid ticker");
    let log = "/var/log/ticker/out.log";
    wait_for("the program writes", || {
        host.sh(&format!("[ -s {log} ] || echo no")).is_empty()
    });
    host.sh("logrotate -f /etc/logrotate.d/ticker");
    assert_eq!(host.sh("supervisorctl pid ticker"), pid);
    assert_eq!(host.sh(&format!("stat -c '%a %U:%G' {log}")), "640 root:adm");
    assert_eq!(host.sh("cat '/var/log/with space.log.1'"), "text");
    wait_for("the program writes to the new log", || {
        host.sh(&format!("[ -s {log} ] || echo no")).is_empty()
    });
    // The last line of the old one is older than the first of the new one: nothing is written to it any more.
    assert_eq!(
        host.sh(&format!(
            "[ \"$(tail -n 1 {log}.1)\" -lt \"$(head -n 1 {log})\" ] || echo no"
        )),
        ""
    );
    // The next rotation compresses the old one; as many stay as were asked for.
    for _ in 0..4 {
        host.sh("logrotate -f /etc/logrotate.d/ticker");
        wait_for("the program writes on", || {
            host.sh(&format!("[ -s {log} ] || echo no")).is_empty()
        });
    }
    assert_eq!(
        host.sh("cd /var/log/ticker && ls out.log*"),
        "out.log\nout.log.1\nout.log.2.gz\nout.log.3.gz"
    );
    assert_eq!(host.sh("supervisorctl pid ticker"), pid);
}

#[test]
fn by_size_and_by_the_hour() {
    let Some(host) = Host::boot() else { return };
    host.sh("mkdir /srv/log && chown nobody: /srv/log && chmod 775 /srv/log && head -c 2000 /dev/zero >/srv/log/big");
    host.sh("chown nobody: /srv/log/big; head -c 500 /dev/zero >/srv/small");
    let playbook = |every: &str| {
        format!(
            "name: sizes
logrotate:
  big: {{ paths: [/srv/log/big], size: 1k, dateext: true, copytruncate: true, su: nobody nogroup, maxage: 9 }}
  small: {{ paths: [/srv/small], size: 1k }}
  often: {{ paths: [/srv/often], every: {every}, maxsize: 1M, prerotate: touch /srv/before }}
"
        )
    };
    host.converge(&playbook("hourly"));
    let when = "systemctl show -p TimersCalendar logrotate.timer";
    assert!(
        host.sh(when).contains("OnCalendar=*-*-* *:00:00 ;"),
        "{}",
        host.sh(when)
    );
    let inode = host.sh("stat -c %i /srv/log/big");
    host.sh("echo x >/srv/often; systemctl start logrotate.service; logrotate -f /etc/logrotate.d/often");
    let today = host.sh("date +%Y%m%d");
    assert_eq!(host.sh("ls /srv/log"), format!("big\nbig-{today}"));
    assert_eq!(host.sh("stat -c '%i %s' /srv/log/big"), format!("{inode} 0"));
    assert_eq!(host.sh("ls /srv"), "before\nlog\noften\noften.1\nsmall");
    // What made it every hour goes with the last that wants it.
    host.converge(&playbook("daily"));
    assert!(!host.sh(when).contains("*:00:00"), "{}", host.sh(when));
}

#[test]
fn what_logrotate_does_not_take_does_not_go_live() {
    let Some(host) = Host::boot() else { return };
    // Whom a command was to bring, and did not.
    let wrong = "name: rotated
commands: { bring: { run: 'true', unless: 'false' } }
logrotate:
  x: { paths: [/var/log/x.log], create: 0640 nosuchuser adm, after: [command.bring] }
";
    let failed = host.apply(wrong);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(
        failed.stdout.contains("unknown user 'nosuchuser'"),
        "{}",
        failed.stdout
    );
    assert_eq!(host.sh("ls -A /etc/logrotate.d | grep '^\\.\\?x' || true"), "");
}

#[test]
fn a_log_that_another_file_rotates_is_refused() {
    let Some(host) = Host::boot() else { return };
    let both = ["/etc/logrotate.d/api", "/etc/logrotate.d/nginx"];
    let api = "name: x\nlogrotate:\n  api: { paths: [/var/log/nginx/api.access.log] }\n";
    // Whether the log is there yet or not.
    refused(&host, api, &both);
    host.sh("touch /var/log/nginx/api.access.log");
    refused(&host, api, &both);
    let file = |name: &str, text: &str, more: &str| {
        format!("name: x\nfiles:\n  /etc/logrotate.d/{name}: {{ content: \"{text}\", {more} }}\n")
    };
    refused(
        &host,
        &file("api", "/var/log/ng*/api.* {\\n daily\\n}\\n", ""),
        &both,
    );
    host.file(
        "rules/api",
        "\"/var/log/dpkg.log\" /srv/x.log {\n daily\n missingok\n}\n",
    );
    let tree = "name: x\ndirectories: { /etc/logrotate.d: { source: rules } }\n";
    refused(&host, tree, &["/etc/logrotate.d/api", "/etc/logrotate.d/dpkg"]);
    // What it would pass over.
    let right = "/srv/*.log {\\n daily\\n missingok\\n}\\n";
    refused(
        &host,
        &file("api", right, "mode: 0666"),
        &["writable by group or others"],
    );
    refused(
        &host,
        &file("api", right, "owner: nobody, group: nogroup"),
        &["owner is wrong"],
    );
    refused(
        &host,
        &file("api.bak", right, ""),
        &["logrotate would not read /etc/logrotate.d/api.bak"],
    );
    refused(
        &host,
        &file("api", "/srv/*.log {\\n dialy\\n}\\n", ""),
        &["unknown option 'dialy'"],
    );
    // Others' mistakes are said, and are not ours.
    host.sh("printf '/srv/other {\\n create 0640 nosuchuser adm\\n}\\n' >/etc/logrotate.d/theirs");
    let run = host.converge(&file("api", right, ""));
    assert!(run.stdout.contains("nosuchuser"), "{}", run.stdout);
    refused(
        &host,
        &file("api", right, "mode: 0622"),
        &["writable by group or others"],
    );
    assert_eq!(host.sh("stat -c %a /etc/logrotate.d/api"), "644");
    host.sh("rm /etc/logrotate.d/theirs && logrotate -d /etc/logrotate.conf 2>&1 | grep ^error: || true");
    // A main file that reads none of them.
    let main = "name: x\nfiles: { /etc/logrotate.conf: { content: \"weekly\\nrotate 4\\n\" } }\n";
    host.converge(main);
    refused(
        &host,
        &file("api", "/srv/own.log {\\n missingok\\n}\\n", ""),
        &["logrotate does not read"],
    );
}
