//! Rotated logs: the program that writes them goes on, in the new file.

use crate::host::{Host, wait_for};

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
fn what_logrotate_does_not_take_does_not_go_live() {
    let Some(host) = Host::boot() else { return };
    let wrong = "name: rotated\nlogrotate:\n  x: { paths: [/var/log/x.log], create: 0640 nosuchuser adm }\n";
    let failed = host.apply(wrong);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(failed.stdout.contains("nosuchuser"), "{}", failed.stdout);
    assert_eq!(host.sh("ls -A /etc/logrotate.d | grep '^\\.\\?x' || true"), "");
}
