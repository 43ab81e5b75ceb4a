//! Releases of a program of which two instances take turns: whoever asks meanwhile gets whole answers.
//!
//! `HOSTWRIGHT_RELEASES=10` in the environment makes it ten good releases, a rollback, a restart and three broken ones.

use std::net::SocketAddr;

use crate::host::{Host, run, wait_for};
use crate::load::{Load, Seen};
use crate::transaction::Apply;

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
    instances: { ports: [8080, 8081], ready: /health, within: 20s, drain: 20s }
    environment: { MOOD: good }
nginx:
  site: { proxy: app, replaces_default: true }
cron:
  watch:
    schedule: "0 0 1 1 *"
    template: monitor.sh.hbs
    with: { url: "http://127.0.0.1:1/", program: app, logfile: /var/log/watch.log }
"#;

/// The same program when it has no instances.
fn alone() -> String {
    let start = UNDER_SUPERVISOR.find("    instances:").expect("instances");
    let end = start + UNDER_SUPERVISOR[start..].find('\n').expect("a line") + 1;
    let text = UNDER_SUPERVISOR.replace(&UNDER_SUPERVISOR[start..end], "");
    text.replace("MOOD: good", "MOOD: good, PORT: \"8080\"")
        .replace("proxy: app", "proxy: \"127.0.0.1:8080\"")
}

const UNDER_SYSTEMD: &str = r#"
name: app
users: { app: { system: true } }
directories: { /opt/app: {} }
binaries:
  app: { path: server, to: /opt/app, keep: 3 }
systemd:
  app:
    command: /opt/app/current/app
    user: app
    environment: { MOOD: good }
    restart: always
    restart_sec: 0s
    instances: { ports: [8080, 8081], ready: /health, within: 20s, drain: 20s }
nginx:
  site: { proxy: app, replaces_default: true }
"#;

/// What runs, and from which release.
const STATE: &str = "readlink /opt/app/current; ls /var/lib/hostwright-instances
ls /etc/supervisor/conf.d /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep app
tr '\\0' ' ' </proc/$(pgrep -x app)/cmdline";

fn text(name: &str) -> String {
    include_str!("server.py").replace("RELEASE = \"one\"", &format!("RELEASE = \"{name}\""))
}

/// Puts a release beside the playbook.
fn release(host: &Host, name: &str) {
    host.file("server", &text(name));
}

/// Applies a release that does not come up: it is told why, and all is as it was.
#[track_caller]
fn fails(host: &Host, playbook: &str, name: &str, because: &[&str]) {
    let before = host.sh(STATE);
    release(host, name);
    let failed = host.apply(&playbook.replace("within: 20s", "within: 2s"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for words in because {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert_eq!(host.sh(STATE), before);
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

/// A release that is up, and undone because of what comes after it.
fn undone(host: &Host, playbook: &str) {
    let before = host.sh(STATE);
    release(host, "undone");
    let kind = if playbook.contains("supervisor:") {
        "supervisor"
    } else {
        "systemd"
    };
    let playbook =
        format!("{playbook}commands: {{ wrong: {{ run: 'false', creates: /no, after: [{kind}.app] }} }}\n");
    let failed = run(host
        .command("apply", &playbook)
        .args(["--on-failure", "rollback"]));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert_eq!(host.sh(STATE), before);
}

/// The ports at which the program listens, and the releases that it is.
const SERVING: &str = "ss -Hltn | grep -o '127.0.0.1:808[0-9]'; tr '\\0' ' ' </proc/$(pgrep -x app)/cmdline";

/// A restart while visitors come: the other instance takes over, on the same release. One that does not come up leaves all
/// as it was.
fn restarted(host: &Host, playbook: &str) {
    let restart = || run(host.bare("restart").arg("app"));
    let (before, state) = (host.sh(SERVING), host.sh(STATE));
    let words = |text: &str| {
        text.split_once('\n')
            .map(|(port, rest)| (port.to_owned(), rest.to_owned()))
    };
    host.sh("touch /srv/broken");
    let failed = restart();
    host.sh("rm /srv/broken");
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    for said in ["✗ app  ", "no such table: visitors", "has served all the time"] {
        assert!(failed.stdout.contains(said), "{said} in\n{}", failed.stdout);
    }
    assert_eq!((host.sh(SERVING), host.sh(STATE)), (before.clone(), state));

    let told = restart().ok().stdout;
    assert!(told.starts_with("✓ app  "), "{told}");
    let (before, after) = (words(&before), words(&host.sh(SERVING)));
    let ((old, was), (new, is)) = before.zip(after).expect("one port each");
    assert_ne!(old, new);
    let port = |text: &str| text.replace("8080", "PORT").replace("8081", "PORT");
    assert_eq!(port(&was), port(&is), "it is the same release");
    let plan = host.plan(playbook).ok().stdout;
    assert!(plan.contains("Nothing to change."), "{plan}");
}

/// What serves is stopped, started and brought up again.
fn stopped(host: &Host) {
    let tell = |verb: &str, name: &str| run(host.bare(verb).arg(name)).ok().stdout;
    let serving = host.sh(SERVING);
    assert!(tell("stop", "app").contains("✓ app  "));
    assert_eq!(host.sh("pgrep -xc app || true"), "0");
    assert!(tell("start", "app").contains("✓ app  "));
    wait_for("it serves", || {
        host.sh("curl -s http://127.0.0.1/ || true").contains('|')
    });
    assert_eq!(host.sh(SERVING), serving);
    // Nobody serves: the one that has the requests comes up again.
    tell("stop", "app");
    assert!(tell("restart", "app").contains("✓ app  "));
    assert_eq!(host.sh(SERVING), serving);
}

/// Releases, a broken one, a restart and a rollback, while visitors come.
fn days_of(playbook: &str) {
    let Some(host) = Host::boot() else { return };
    let many: u32 = std::env::var("HOSTWRIGHT_RELEASES").map_or(1, |text| text.parse().expect("a number"));
    release(&host, "one");
    if playbook == UNDER_SUPERVISOR {
        // Who comes anew each time does not notice that the program gets instances.
        host.converge(&alone());
        host.sh("systemd-run --quiet --unit=watch sh -c 'while curl -sf http://127.0.0.1/ >/dev/null; do :; done'");
    }
    host.converge(playbook);
    if playbook == UNDER_SUPERVISOR {
        assert_eq!(
            host.sh("systemctl is-active watch; systemctl stop watch"),
            "active"
        );
    }
    let load = Load::on(SocketAddr::new(host.machine.address().into(), 80));
    wait_for("visitors", || load.count("one good") > 0);
    let workers = host.sh("pgrep -x nginx");

    let (mut follows, out) = followed(&host);
    restarted(&host, playbook);
    run(host.bare("restart").arg("app")).ok();
    // Both have taken over once.
    wait_for("lines of both instances", || {
        let said = std::fs::read_to_string(&out).expect("read");
        let said: Vec<&str> = said
            .lines()
            .filter_map(|line| line.split_once(" | "))
            .map(|(by, _)| by.trim())
            .collect();
        said.iter().any(|by| by.ends_with("8080")) && said.iter().any(|by| by.ends_with("8081"))
    });
    follows.kill().expect("killed");
    follows.wait().expect("it ends");
    for number in 2..2 + many {
        release(&host, &format!("release-{number}"));
        host.converge(playbook);
        wait_for("the new release", || {
            load.count(&format!("release-{number} good")) > 0
        });
    }
    let sick = [
        "it is not ready after 2 s: it answers GET /health with `HTTP/1.1 503",
        "not yet: /health",
        "put back: /opt/app/current",
    ];
    fails(&host, playbook, "sick", &sick);
    if many > 1 {
        for _ in 0..2 {
            fails(&host, playbook, "broken", &["no such table: visitors"]);
        }
        undone(&host, playbook);
    }
    // Another environment is a restart, and going back one more.
    release(&host, &format!("release-{}", 1 + many));
    let better = playbook.replace("MOOD: good", "MOOD: better");
    host.converge(&better);
    run(host.bare("rollback").arg("--yes")).ok();
    assert_eq!(host.sh("pgrep -x nginx"), workers, "nginx was not reloaded");
    let logs = run(host.bare("logs").arg("app")).ok();
    assert!(logs.stdout.contains("begins: release-"), "{}", logs.stdout);
    let status = run(&mut host.bare("status")).stdout;
    assert!(status.contains("✓ app"), "{status}");
    assert!(!status.contains("✗ app"), "{status}");
    let last = format!("release-{}", 1 + many);
    let before = load.count(&format!("{last} good"));
    wait_for("the old mood", || load.count(&format!("{last} good")) > before);
    all_well(
        &load.end(),
        &["one good", "release-2 good", &format!("{last} better")],
    );
    stopped(&host);
    if playbook == UNDER_SUPERVISOR {
        // So does the monitor restart it: the second time that it finds it unwell.
        let serving = host.sh(SERVING);
        host.sh("/usr/local/lib/app/watch && /usr/local/lib/app/watch");
        let after = host.sh(SERVING);
        assert_ne!(after, serving, "{}", host.sh("cat /var/log/watch.log"));
    }
}

/// Follows what the program logs, from now on.
fn followed(host: &Host) -> (std::process::Child, std::path::PathBuf) {
    let out = host.folder.path().join("followed");
    let mut follow = host.bare("logs");
    follow.args(["app", "-f", "-n", "0", "--grep", "begins:"]);
    follow.stdout(std::fs::File::create(&out).expect("a file"));
    let child = follow.spawn().expect("the program starts");
    (child, out)
}

#[test]
fn no_request_fails_whatever_is_released_under_supervisor() {
    days_of(UNDER_SUPERVISOR);
}

#[test]
fn no_request_fails_whatever_is_released_under_systemd() {
    days_of(UNDER_SYSTEMD);
}

/// The power goes while a release comes up, and while the old one ends: the host comes up serving, and the next apply
/// makes it right.
fn power_goes(playbook: &str) {
    let Some(mut host) = Host::boot() else { return };
    let begin = |host: &Host, name: &str| {
        host.file(&format!("{name}/server"), &text(name));
        Apply::start(host, playbook, name)
    };
    let serves = |host: &Host, words: &str| {
        wait_for(words, || {
            host.sh("curl -s http://127.0.0.1/ | cut -d '|' -f 1").trim() == words
        });
    };
    let cut = |host: &mut Host, mut apply: Apply| {
        host.machine.kill().expect("no power");
        apply.kill();
        host.machine.start().expect("power again");
    };
    let running = |host: &Host| host.sh("pgrep -xc app || true");
    release(&host, "one");
    host.converge(playbook);

    let apply = begin(&host, "sick");
    wait_for("the new one to come up", || running(&host) == "2");
    cut(&mut host, apply);
    serves(&host, "one good");
    release(&host, "two");
    host.converge(playbook);
    serves(&host, "two good");
    assert_eq!(running(&host), "1");

    // Somebody talks to the old one for long.
    host.sh("systemd-run --quiet perl -MIO::Socket::INET -e 'for (8080, 8081) { $s = IO::Socket::INET->new(\"127.0.0.1:$_\") and last } sleep 100'");
    let apply = begin(&host, "three");
    serves(&host, "three good");
    assert_eq!(running(&host), "2", "the old one has not ended yet");
    cut(&mut host, apply);
    serves(&host, "three good");
    release(&host, "three");
    let plan = host.plan(playbook);
    assert!(
        plan.stdout.contains("end the instance of app at port"),
        "{}",
        plan.stdout
    );
    host.converge(playbook);
    assert_eq!(running(&host), "1");
    serves(&host, "three good");
    if playbook == UNDER_SUPERVISOR {
        host.converge(&alone());
        assert_eq!(running(&host), "1");
        serves(&host, "three good");
    }
}

#[test]
fn a_host_that_dies_in_the_middle_comes_up_serving_under_supervisor() {
    power_goes(UNDER_SUPERVISOR);
}

#[test]
fn a_host_that_dies_in_the_middle_comes_up_serving_under_systemd() {
    power_goes(UNDER_SYSTEMD);
}
