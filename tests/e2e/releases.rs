//! Releases of a program of which two instances take turns: whoever asks meanwhile gets whole answers.
//!
//! `HOSTWRIGHT_RELEASES=10` in the environment makes it ten good releases, a rollback, a restart and three broken ones.

use std::net::SocketAddr;

use crate::host::{Host, run, wait_for};
use crate::load::{Load, Seen};

const UNDER_SUPERVISOR: &str = r#"
name: app
users: { app: { system: true } }
directories: { /opt/app: {} }
binaries:
  app: { path: server, to: /opt/app, keep: 3 }
supervisor:
  app:
    command: /opt/app/current/app
    user: app
    instances: { ports: [8080, 8081], ready: /health, within: 4s, drain: 20s }
    environment: { MOOD: good }
nginx:
  site: { proxy: app, replaces_default: true }
"#;

/// Puts a release beside the playbook.
fn release(host: &Host, name: &str) {
    let text = include_str!("server.py").replace("RELEASE = \"one\"", &format!("RELEASE = \"{name}\""));
    host.file("server", &text);
}

/// Applies a release that does not come up: it is told why, and all is as it was.
#[track_caller]
fn fails(host: &Host, name: &str, because: &[&str]) {
    let state = "readlink /opt/app/current; ls /etc/supervisor/conf.d /var/lib/hostwright-instances; supervisorctl status | cut -c1-50 | awk '{ print $1, $2 }'";
    let before = host.sh(state);
    release(host, name);
    let failed = host.apply(UNDER_SUPERVISOR);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for words in because {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert_eq!(host.sh(state), before);
}

/// Nobody got anything but whole answers; those of `releases` are among them.
#[track_caller]
fn all_well(seen: &Seen, releases: &[&str]) {
    let some: Vec<&String> = seen.failed.iter().take(10).collect();
    assert!(
        seen.failed.is_empty(),
        "{} of {:?} failed: {some:#?}",
        seen.failed.len(),
        seen.answers
    );
    for words in releases {
        assert!(
            seen.answers.contains_key(*words),
            "no {words} in {:?}",
            seen.answers
        );
    }
    assert!(seen.long > 0);
    eprintln!("{:?}, {} long ones", seen.answers, seen.long);
}

#[test]
fn no_request_fails_whatever_is_released() {
    let Some(host) = Host::boot() else { return };
    let many: u32 = std::env::var("HOSTWRIGHT_RELEASES").map_or(1, |text| text.parse().expect("a number"));
    release(&host, "one");
    host.converge(UNDER_SUPERVISOR);
    let load = Load::on(SocketAddr::new(host.machine.address().into(), 80));
    wait_for("visitors", || load.count("one good") > 0);
    let workers = host.sh("pgrep -f 'nginx: worker'");

    for number in 2..2 + many {
        release(&host, &format!("release-{number}"));
        host.converge(UNDER_SUPERVISOR);
        wait_for("the new release", || {
            load.count(&format!("release-{number} good")) > 0
        });
    }
    fails(
        &host,
        "sick",
        &[
            "it is not ready after 4 s: it answers GET /health with `HTTP/1.1 503",
            "not yet: /health",
        ],
    );
    if many > 1 {
        for _ in 0..2 {
            fails(
                &host,
                "broken",
                &["no such table: visitors", "put back: /opt/app/current"],
            );
        }
    }
    // Another environment is a restart, and going back one more.
    release(&host, &format!("release-{}", 1 + many));
    host.converge(&UNDER_SUPERVISOR.replace("MOOD: good", "MOOD: better"));
    let mut back = host.bare("rollback");
    run(back.arg("--yes")).ok();
    wait_for("the old mood", || host.sh("supervisorctl status | wc -l") == "1");
    assert_eq!(
        host.sh("pgrep -f 'nginx: worker'"),
        workers,
        "nginx was not reloaded"
    );
    all_well(
        &load.end(),
        &[
            "one good",
            "release-2 good",
            &format!("release-{} better", 1 + many),
        ],
    );
}
