//! `doctor` on a host that is broken in many ways: each cause is found, and what may be mended is.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::host::{Host, converse, on_a_terminal, run, wait_for};

fn doctor(host: &Host, words: &[&str]) -> (i32, Vec<Value>) {
    examined(host.bare("doctor").arg("--json").args(words))
}

/// The exit status, and the findings of the last look.
fn examined(command: &mut Command) -> (i32, Vec<Value>) {
    let told = run(command);
    let mut lines = told
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = lines.rfind(|line| line["event"] == "diagnosis");
    let last = last.unwrap_or_else(|| panic!("{}\n{}", told.stdout, told.stderr));
    (
        told.status,
        last["findings"].as_array().expect("findings").clone(),
    )
}

fn has(findings: &[Value], kind: &str, words: &[&str]) -> bool {
    findings.iter().any(|finding| {
        let text = finding.to_string();
        finding["kind"] == kind && words.iter().all(|word| text.contains(word))
    })
}

#[track_caller]
fn finds(findings: &[Value], all: &[(&str, &[&str])]) {
    let missing: Vec<_> = all
        .iter()
        .filter(|(kind, words)| !has(findings, kind, words))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not among {findings:#?}");
}

#[test]
fn each_cause_is_found_and_what_may_be_mended_is() {
    let Some(host) = Host::boot() else { return };
    let (status, findings) = doctor(&host, &[]);
    assert_eq!(status, if findings.is_empty() { 0 } else { 2 });
    // Its disk and its memory are this machine's.
    let own =
        |finding: &&Value| !["disk.full", "memory.used-up"].contains(&finding["kind"].as_str().unwrap_or(""));
    assert_eq!(findings.iter().filter(own).count(), 0, "{findings:#?}");

    asks_before_it_mends(&host);

    host.sh(include_str!("doctor.sh"));
    // Clients that are refused.
    host.sh(
        "wait_for() { for _ in $(seq 600); do if curl -s -o /dev/null $1; then return; fi; sleep 0.1; done; return 1; }
        for at in 9008 9009 9010 9011/451 9012; do wait_for 127.0.0.1:$at || exit 1; done
        post() { curl -sS -o /dev/null -d '{}' -H 'Content-Type: application/json' \"$@\"; }
        for _ in 1 2 3; do
          post -H 'Accept: application/json' http://127.0.0.1:8108/mcp
          post -H 'Origin: https://a.example' http://127.0.0.1:8108/mcp
          post http://127.0.0.1:8108/sse
          post http://127.0.0.1:8109/mcp
        done",
    );
    wait_for("the programs to have given up", || {
        let states = host.sh("supervisorctl status || true");
        !states.contains("STARTING") && states.matches("FATAL").count() >= 11
    });
    // However long the others took, this one has just been started.
    host.sh("supervisorctl restart young");
    // No window of time: what the image was made of grows old meanwhile.
    let files = || host.sh("find /etc /opt /srv /root -xdev -type f -printf '%p %T@\\n' | sort");
    let before = files();
    let (status, findings) = doctor(&host, &[]);
    assert_eq!(status, 2);
    let new = files();
    let new: Vec<&str> = new.lines().filter(|line| !before.contains(line)).collect();
    assert!(new.is_empty(), "it writes {new:?}");
    finds(
        &findings,
        &[
            (
                "program.missing-file",
                &["missing does not run", "/opt/nothing/run does not exist"],
            ),
            (
                "program.missing-file",
                &[
                    "interpreter does not run",
                    "the interpreter that its first line names",
                ],
            ),
            ("program.not-executable", &["unmarked does not run"]),
            (
                "program.permission",
                &["closed does not run", "www-data may not run /opt/closed"],
            ),
            (
                "program.port-taken",
                &[
                    "taken does not run",
                    "its port 8101 is taken by nginx (pid ",
                    " of nginx.service)",
                ],
            ),
            ("program.missing-module", &["module does not run", "flask"]),
            ("program.missing-library", &["library does not run", "libx.so.6"]),
            (
                "program.old-glibc",
                &["newer does not run", "GLIBC_9.34", "the host has glibc 2."],
            ),
            ("program.out-of-memory", &["memory does not run"]),
            ("program.configuration", &["setting does not run", "API_TOKEN"]),
            ("program.wrong-format", &["other does not run"]),
            ("program.no-user", &["lost does not run", "nobodyhere"]),
            (
                "program.missing-file",
                &["placeless does not run", "/nowhere, does not exist"],
            ),
            (
                "site.wrong-port",
                &[
                    "wrong answers 502",
                    "127.0.0.1:9001, and wrong listens at 127.0.0.1:9002",
                ],
            ),
            ("site.program-down", &["down answers 502", "Connection refused"]),
            (
                "site.program-down",
                &["stopped answers 502", "supervisorctl start stopped"],
            ),
            (
                "site.slow-start",
                &["young answers 502", "has not begun to listen"],
            ),
            ("site.program-hangs", &["hangs does not answer"]),
            ("site.program-error", &["fails answers 500"]),
            (
                "site.port-closed",
                &[
                    "port 80 is closed",
                    "the host's firewall",
                    "ufw: allow 22/tcp; drop the rest",
                ],
            ),
            (
                "mcp.host-refused",
                &["tools of named", "Host header is not allowed"],
            ),
            ("mcp.accept", &["tools of strict", "3 of the last requests"]),
            (
                "mcp.origin-refused",
                &[
                    "tools of strict",
                    "3 of the last requests",
                    "Origin is not allowed",
                ],
            ),
            ("mcp.url", &["tools of strict", "POST /sse"]),
            ("mcp.key", &["tools of locked", "Invalid API key"]),
            ("exchange.country", &["COUNTRY_URL", "451"]),
            ("exchange.banned", &["BANNED_URL", "2 min, as it says"]),
            ("exchange.limited", &["LIMITED_URL", "2 min, as it says"]),
            ("exchange.clock", &["CLOCK_URL", "2030"]),
            ("exchange.dns", &["NAME_URL", "no address for exchange.invalid"]),
            ("exchange.country", &["127.0.0.1:9012 gets nothing from spot"]),
            ("certificate.by-hand", &["byhand ends in"]),
            ("certificate.no-renewal", &["gone ends in"]),
            ("certificate.dns-elsewhere", &["moved ends in", "203.0.113.9"]),
            ("certificate.challenge", &["refused ends in", "Invalid response"]),
            ("certificate.not-loaded", &["renewed is served"]),
            ("disk.full", &["/srv/full", "big.log"]),
            (
                "disk.deleted-files",
                &["/srv/held", "sleep (pid ", "old.log (deleted)"],
            ),
            ("disk.inodes", &["/srv/many"]),
            ("dpkg.broken", &["odd"]),
            ("cron.stopped", &[]),
            ("logrotate.timer-off", &[]),
            ("backup.missing", &["/srv/backups is 9 days old"]),
        ],
    );
    let slow = findings
        .iter()
        .find(|finding| finding["what"].to_string().contains("slow answers slowly"));
    // Who else uses this machine's processors and disks now is not known.
    assert!(
        slow.is_some_and(|slow| slow["kind"].to_string().contains("slow.")),
        "{findings:#?}"
    );

    // What may be mended is; a second look tells what is left.
    host.sh("touch /root/repaired");
    let (status, left) = doctor(&host, &["--mend"]);
    assert_eq!(status, 2);
    for kind in [
        "program.not-executable",
        "certificate.not-loaded",
        "dpkg.broken",
        "cron.stopped",
        "logrotate.timer-off",
    ] {
        assert!(!has(&left, kind, &[]), "{kind} is left: {left:#?}");
    }
    assert!(!has(&left, "site.program-down", &["stopped"]), "{left:#?}");
    assert!(
        has(&left, "program.missing-file", &["missing does not run"]),
        "{left:#?}"
    );
    host.sh("systemctl is-active cron logrotate.timer; dpkg --audit | wc -l | grep -x 0; supervisorctl status unmarked");

    host.sh("rm /etc/nginx/conf.d/*; systemctl stop nginx");
    let told = run(&mut host.bare("doctor"));
    assert_eq!(told.status, 2);
    for words in [
        "✗ nginx does not run: its unit is stopped\n    cause  somebody has stopped it",
        "\n    run    systemctl reset-failed nginx.service; systemctl start nginx.service",
    ] {
        assert!(told.stdout.contains(words), "{}", told.stdout);
    }
    // A clock of its own, which a container does not have: its date says so.
    host.sh("ufw --force disable >/dev/null
        echo 'prox_pass x;' >/etc/nginx/conf.d/bad.conf
        systemctl start nginx || true
        systemctl stop supervisor
        cat >/usr/local/bin/date <<'END'
#!/bin/sh
case $1 in +%s) echo $(($(/usr/bin/date +%s) - 3600)) ;; *) exec /usr/bin/date \"$@\" ;; esac
END
        chmod +x /usr/local/bin/date");
    let (_, findings) = doctor(&host, &[]);
    finds(
        &findings,
        &[
            (
                "program.configuration",
                &["nginx does not run", "unknown directive", "bad.conf"],
            ),
            ("unit.stopped", &["supervisor does not run"]),
            ("clock.wrong", &[" min behind this machine"]),
        ],
    );
    host.sh("rm /usr/local/bin/date /etc/nginx/conf.d/bad.conf; systemctl restart nginx");
    the_way(&host);
}

/// On a terminal nothing is mended that was not asked for.
fn asks_before_it_mends(host: &Host) {
    host.sh("systemctl stop cron");
    let (_, findings) = doctor(host, &[]);
    let mut commands: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["command"].as_str())
        .collect();
    commands.dedup();
    let answered = |answer: &str| {
        let mut asking = on_a_terminal(&host.bare("doctor"), "");
        asking.stdin(Stdio::piped()).stdout(Stdio::piped());
        // What is wrong with this machine's disk it has, too.
        let questions = commands
            .iter()
            .map(|command| format!("Run `{command}` on the host? [y/N]"));
        let questions: Vec<String> = questions.collect();
        let reply = |question: &str| if question.contains("cron") { answer } else { "n" };
        let answers: Vec<(&str, &str)> = questions
            .iter()
            .map(|question| (question.as_str(), reply(question)))
            .collect();
        converse(&mut asking, &answers)
    };
    let no = answered("n");
    assert_eq!(no.matches("cron does not run").count(), 1, "{no}");
    assert_eq!(host.sh("systemctl is-active cron || true"), "inactive");
    let yes = answered("y");
    // It is not found any more by the second look.
    let (_, after) = yes.rsplit_once("[y/N]").expect("a question");
    assert!(!after.contains("cron does not run"), "{yes}");
    assert_eq!(host.sh("systemctl is-active cron"), "active");
}

/// Why a host cannot be reached.
fn the_way(host: &Host) {
    let kinds = |command: &mut Command| -> (i32, BTreeSet<String>, Vec<Value>) {
        let (status, findings) = examined(command);
        let kinds = findings
            .iter()
            .filter_map(|finding| finding["kind"].as_str().map(str::to_owned));
        (status, kinds.collect(), findings)
    };
    #[track_caller]
    fn only(found: (i32, BTreeSet<String>, Vec<Value>), kind: &str, words: &str) {
        assert_eq!(
            (found.0, &found.1),
            (2, &BTreeSet::from([kind.to_owned()])),
            "{:#?}",
            found.2
        );
        assert!(found.2[0].to_string().contains(words), "{words}: {:#?}", found.2);
    }
    let other = host.folder.path().join("other");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&other)
        .status();
    assert!(made.expect("ssh-keygen").success());
    let target = |port: u16| format!("root@{}:{port}", host.machine.address());
    let command = |identity: &std::path::Path, known: &std::path::Path, port: u16| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command
            .args(["doctor", "--json", &target(port), "--identity"])
            .arg(identity);
        command
            .arg("--known-hosts")
            .arg(known)
            .env("NO_COLOR", "1")
            .env_remove("SSH_AUTH_SOCK");
        command.stdin(std::process::Stdio::null());
        command
    };
    let (identity, known) = (host.machine.identity(), host.machine.known_hosts());
    only(
        kinds(&mut command(&other, known, 22)),
        "ssh.key-refused",
        "did not let root in",
    );
    let key = std::fs::read_to_string(other.with_extension("pub")).expect("a key");
    let wrong = host.file("wrong", &format!("{} {key}", host.machine.address()));
    only(
        kinds(&mut command(identity, &wrong, 22)),
        "ssh.host-key-changed",
        "has changed",
    );
    only(
        kinds(&mut command(identity, &host.file("none", ""), 22)),
        "ssh.host-key-unknown",
        "is not known",
    );
    only(
        kinds(&mut command(identity, known, 2022)),
        "ssh.other-port",
        "speaks SSH at port 22",
    );
    only(
        kinds(&mut command(identity, known, 80)),
        "ssh.other-port",
        "speaks SSH at port 22",
    );
    host.sh("echo 'sshd: ALL' >>/etc/hosts.deny");
    only(
        kinds(&mut command(identity, known, 22)),
        "ssh.banned",
        "before it said a word",
    );
    host.sh("rm /etc/hosts.deny; systemctl stop ssh.socket ssh 2>/dev/null || true");
    wait_for("sshd to be gone", || {
        host.sh("ss -Hltn").lines().all(|line| !line.contains(":22 "))
    });
    only(
        kinds(&mut command(identity, known, 22)),
        "ssh.refused",
        "its port 80 answers",
    );
    host.sh("iptables -I INPUT -p tcp --dport 22 -j DROP");
    only(
        kinds(&mut command(identity, known, 22)),
        "ssh.filtered",
        "the host itself is up",
    );
}
