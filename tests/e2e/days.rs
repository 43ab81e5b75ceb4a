//! The days after: commands that need a host alone, which knows what was applied to it.

use crate::host::{Host, run, wait_for};

const CHECKED: &str = r#"
name: days
secrets:
  key: { env: KEY }
files:
  /srv/answer: { content: "42\n" }
checks:
  answer: { command: "grep -q 42 /srv/answer", within: 1s }
  secret: { command: "test ${key} != other", within: 1s }
"#;
const KEY: &str = "a-key-that-nobody-sees";

#[test]
fn verify_runs_the_checks_of_what_was_applied_last() {
    let Some(host) = Host::boot() else { return };
    let verify = || run(host.bare("verify").env("KEY", KEY));
    let none = verify();
    assert_eq!(none.status, 1);
    assert!(none.text().contains("remembers no apply"), "{}", none.stderr);

    run(host.command("apply", CHECKED).env("KEY", KEY)).ok();
    let right = verify().ok().stdout;
    assert!(right.contains("Generation 1 of days has 2 checks."), "{right}");
    assert!(right.contains("✓ check answer"), "{right}");
    assert!(right.contains("2 checks passed"), "{right}");

    host.sh("echo 41 >/srv/answer");
    let wrong = verify();
    assert_eq!(wrong.status, 1);
    assert!(
        wrong.stdout.contains("✗ check answer: it ended with 1"),
        "{}",
        wrong.stdout
    );
    assert!(wrong.stderr.contains("1 of 2 checks failed"), "{}", wrong.stderr);
    assert_eq!(host.sh("cat /srv/answer"), "41", "it changes nothing");
}

#[test]
fn exec_runs_a_command_as_root_and_passes_its_status_on() {
    let Some(host) = Host::boot() else { return };
    let exec = |words: &[&str]| run(host.bare("exec").arg("--").args(words));
    let words = exec(&["printf", "%s|", "a b", "$HOME", "it's"]).ok();
    assert_eq!(words.stdout, "a b|$HOME|it's|");
    let line = exec(&["id -u; echo no >&2; cat; exit 7"]);
    assert_eq!((line.status, &*line.stdout, &*line.stderr), (7, "0\n", "no\n"));
    assert_eq!(exec(&["kill -9 $$"]).status, 137);

    host.sh("useradd -m -s /bin/bash ann && echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann");
    host.sh("cp -r /root/.ssh /home/ann/ && chown -R ann: /home/ann/.ssh");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command.arg("exec").arg(format!("ann@{}", host.machine.address()));
    command.arg("--identity").arg(host.machine.identity());
    command.arg("--known-hosts").arg(host.machine.known_hosts());
    command
        .args(["--", "id", "-un"])
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null());
    assert_eq!(run(&mut command).ok().stdout, "root\n");
}

#[test]
fn ssh_is_the_systems_and_knows_the_way() {
    let Some(host) = Host::boot() else { return };
    let mut ssh = host.bare("ssh");
    ssh.args(["--", "echo $((6 * 7)); exit 3"]);
    let ssh = run(&mut ssh);
    assert_eq!((ssh.status, &*ssh.stdout), (3, "42\n"), "{}", ssh.stderr);
}

const RUNNING: &str = r#"
name: running
supervisor:
  api: { command: /usr/bin/python3 -m http.server 8080 --bind 127.0.0.1 }
files:
  /etc/systemd/system/ticker.service:
    content: |
      [Service]
      ExecStart=/usr/bin/python3 -m http.server 8081 --bind 127.0.0.1
      [Install]
      WantedBy=multi-user.target
systemd:
  ticker: {}
nginx:
  shop: { proxy: "127.0.0.1:8080", names: [shop.example] }
"#;

#[test]
fn status_tells_how_a_host_fares() {
    let Some(host) = Host::boot() else { return };
    let empty = run(&mut host.bare("status")).ok().stdout;
    assert!(
        empty.contains("load") && empty.contains("disk     /  "),
        "{empty}"
    );
    assert!(!empty.contains("Generations"), "{empty}");

    host.converge(RUNNING);
    // A certificate that ends in 40 days, a program that cannot start, a unit that has failed, a program that died.
    host.sh(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /srv/key -out /srv/cert -days 40 -subj /CN=a 2>/dev/null
        printf 'server {\\n listen 8443 ssl;\\n server_name tls.example;\\n ssl_certificate /srv/cert;\\n \
        ssl_certificate_key /srv/key;\\n}\\n' >/etc/nginx/conf.d/tls.conf
        printf '[program:broken]\\ncommand=/bin/false\\nstartretries=0\\n' >/etc/supervisor/conf.d/broken.conf
        supervisorctl update broken >/dev/null
        systemd-run --quiet --unit=sad false
        touch /run/reboot-required
        kill -9 $(supervisorctl pid api)
        ufw allow 22/tcp >/dev/null && ufw --force enable >/dev/null
        printf '@reboot root exit 3\\n' >/etc/cron.d/fails
        echo 'EXTRA_OPTS=\"-L 5\"' >>/etc/default/cron
        rm -f /run/crond.reboot && systemctl restart cron",
    );
    wait_for("the job to have failed", || {
        host.sh("journalctl -q -t CRON")
            .contains("failed with exit status 3")
    });
    wait_for("the states to settle", || {
        let state = host.sh("supervisorctl status || true; systemctl is-failed sad || true; ss -Hltn");
        ["FATAL", "RUNNING", "failed", "127.0.0.1:8080"]
            .iter()
            .all(|word| state.contains(word))
    });
    // Logs say what goes on; apt's folder shows whether its lists were looked at.
    host.sh("touch /run/before");
    let written = "find /var /etc /root -xdev -newer /run/before -type f ! -path '/var/log/*'; \
        find /var/cache/apt -maxdepth 0 -newer /run/before";
    let text = run(&mut host.bare("status")).ok().stdout;
    let squeezed: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for (begins, ends) in [
        ("✓ api running for ", " 1 restart 127.0.0.1:8080"),
        ("✗ broken fatal", ""),
        ("✓ ticker active (running) for ", " 0 restarts 127.0.0.1:8081"),
        ("✓ shop shop.example no certificate", ""),
        ("✓ tls tls.example its certificate ends in 39 days", ""),
        ("✗ sad.service", ""),
        ("1 of running ", ""),
        ("firewall ufw: allow 22/tcp; drop the rest", ""),
        ("✗ @reboot root exit 3 ran ", " failed with 3"),
        ("- 17 * * * * root cd / && run-parts", " not in the log"),
        ("reboot required", ""),
        ("largest ", " MB"),
        ("updates ", ""),
    ] {
        let is_it = |line: &String| line.starts_with(begins) && line.ends_with(ends);
        assert!(squeezed.iter().any(is_it), "{begins}…{ends} in\n{text}");
    }
    assert!(!text.contains("apt does not say"), "{text}");
    assert_eq!(host.sh(written), "", "it writes nothing");

    let json = run(host.bare("status").arg("--json")).ok().stdout;
    let line = json
        .lines()
        .find(|line| line.contains(r#""event":"status""#))
        .expect("an event");
    let status: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let programs = status["programs"].as_array().expect("programs");
    let api = programs
        .iter()
        .find(|program| program["name"] == "api")
        .expect("api");
    assert_eq!(
        (&api["state"], &api["listens"][0]),
        (&"running".into(), &"127.0.0.1:8080".into())
    );
    assert!(api["memory"].as_u64().expect("bytes") > 1_000_000, "{api}");
    assert_eq!(status["generations"][0]["number"], 1);
    assert_eq!(status["system"]["reboot_required"], true);
    assert_eq!(status["system"]["largest"].as_array().map(Vec::len), Some(5));
    let sites = status["sites"].as_array().expect("sites");
    assert!(sites.iter().any(|site| site["days"] == 39), "{sites:?}");
    let jobs = status["jobs"].as_array().expect("jobs");
    assert!(jobs.iter().any(|job| job["status"] == 3), "{jobs:?}");
    assert_eq!(status["firewall"]["rules"][0], "allow 22/tcp");
    watched(&host);
}

/// It is told anew over the one connection, until an interruption.
fn watched(host: &Host) {
    let logins = || host.sh("journalctl -q -u ssh | grep -c 'Accepted publickey'");
    let before = logins();
    let out = host.folder.path().join("watched");
    let mut child = host
        .bare("status")
        .args(["--watch", "--json"])
        .stdout(std::fs::File::create(&out).expect("a file"))
        .spawn()
        .expect("the program starts");
    let told = || {
        let said = std::fs::read_to_string(&out).expect("read");
        said.matches(r#""event":"status""#).count()
    };
    wait_for("an answer", || told() >= 1);
    wait_for("a second answer", || told() >= 2);
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let [before, after] = [before, logins()].map(|count| count.parse::<u32>().expect("a count"));
    assert_eq!(after, before + 1);
}

const TOLD: &str = r#"
name: told
secrets:
  key: { env: KEY }
supervisor:
  api: { command: /srv/api }
files:
  /srv/api:
    mode: 0755
    content: |
      #!/bin/sh
      if [ -e /srv/broken ]; then echo it is broken; exit 3; fi
      exec sleep 100000
  /srv/program:
    mode: 0755
    content: |
      #!/bin/sh
      echo the key is $(cat /srv/key)
      test ! -e /srv/broken && exec sleep 100000
  /srv/key: { content: "${key}" }
  /etc/systemd/system/ticker.service:
    content: |
      [Service]
      ExecStart=/srv/program
      [Install]
      WantedBy=multi-user.target
systemd:
  ticker: {}
"#;

#[test]
fn what_is_told_to_restart_comes_up_and_stays_up() {
    let Some(host) = Host::boot() else { return };
    run(host.command("apply", TOLD).env("KEY", KEY)).ok();
    let tell = |verb: &str, names: &[&str]| run(host.bare(verb).args(names).env("KEY", KEY));
    let pids = || host.sh("supervisorctl pid api; systemctl show -p MainPID --value ticker cron | grep .");
    let before = pids();
    let said = tell("restart", &["api", "ticker", "cron"]).ok().stdout;
    for words in [
        "✓ api  running, process ",
        "✓ ticker  active (running)",
        "✓ cron  active (running)",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    let after = pids();
    assert!(
        before.lines().zip(after.lines()).all(|(old, new)| old != new),
        "{before}\n{after}"
    );
    // What runs is not started again.
    tell("start", &["api", "ticker"]).ok();
    assert_eq!(pids(), after);

    let unknown = tell("stop", &["api", "none"]);
    assert_eq!((unknown.status, pids()), (1, after));
    assert!(
        unknown.text().contains("has no program or unit `none`"),
        "{}",
        unknown.stderr
    );
    assert!(unknown.text().contains("it has api, "), "{}", unknown.stderr);

    let stopped = tell("stop", &["api", "ticker", "--json"]).ok().stdout;
    let told = r#"{"event":"told","name":"api","verb":"stop","well":true,"state":"stopped","lines":[]}"#;
    assert!(stopped.contains(told), "{stopped}");
    assert_eq!(host.sh("systemctl is-active ticker || true"), "inactive");

    host.sh("touch /srv/broken");
    let ill = tell("start", &["api", "ticker", "cron"]);
    assert_eq!(ill.status, 1, "{}", ill.stdout);
    for words in [
        "✗ api  ",
        "it is broken",
        "✗ ticker  ",
        "the key is (secret)",
        "✓ cron  active",
    ] {
        assert!(ill.stdout.contains(words), "{words} in\n{}", ill.stdout);
    }
    assert!(!ill.stdout.contains(KEY), "{}", ill.stdout);
    assert!(
        ill.text().contains("api, ticker did not start on root@"),
        "{}",
        ill.stderr
    );
}
