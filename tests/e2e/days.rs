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

const LOGGING: &str = r#"
name: logging
secrets:
  key: { env: KEY }
supervisor:
  api: { command: /bin/sh -c 'echo up; echo odd >&2; exec sleep 100000' }
files:
  /etc/systemd/system/ticker.service:
    content: |
      [Service]
      ExecStart=/bin/sh -c 'echo tick; exec sleep 100000'
      [Install]
      WantedBy=multi-user.target
systemd:
  ticker: {}
nginx:
  shop: { proxy: "127.0.0.1:8080", names: [shop.example] }
checks:
  secret: { command: "test ${key} != other", within: 1s }
"#;

/// Where supervisord writes what `api` says.
fn log_of_api(host: &Host) -> String {
    host.sh("sed -n 's/^stdout_logfile=//p' /etc/supervisor/conf.d/api.conf")
}

#[test]
fn logs_are_those_of_programs_units_and_sites() {
    let Some(host) = Host::boot() else { return };
    run(host.command("apply", LOGGING).env("KEY", KEY)).ok();
    let logs = |words: &[&str]| run(host.bare("logs").args(words).env("KEY", KEY));
    host.sh("curl -s -H 'Host: shop.example' http://127.0.0.1/wanted >/dev/null");
    let all = logs(&[]).ok().stdout;
    assert!(
        all.lines()
            .any(|line| line.starts_with("api") && line.ends_with("| up")),
        "{all}"
    );
    assert!(
        all.lines()
            .any(|line| line.starts_with("ticker") && line.ends_with(": tick")),
        "{all}"
    );
    let site = logs(&["shop", "--grep", "GET /(wanted|other) .*curl"])
        .ok()
        .stdout;
    assert!(
        site.starts_with("shop access | 127.0.0.1") && site.lines().count() == 1,
        "{site}"
    );
    let unit = logs(&["ticker", "-n", "1", "--grep", "t[i]ck$"]).ok().stdout;
    assert!(unit.ends_with(": tick\n") && unit.lines().count() == 1, "{unit}");

    let log = log_of_api(&host);
    host.sh(&format!("seq 1 50 >>{log}; echo token {KEY} >>{log}"));
    let last = logs(&["api", "-n", "3", "--grep", "^([0-9]|token)"]).ok().stdout;
    let last: Vec<&str> = last.lines().filter_map(|line| line.split("| ").last()).collect();
    assert_eq!(last, ["49", "50", "token (secret)"]);
    let json = logs(&["api", "-n", "1", "--grep", "^50", "--json"]).ok().stdout;
    assert!(
        json.contains(r#""event":"logged""#) && json.contains(r#""line":"50""#),
        "{json}"
    );
    // Whoever does not have the secret reads the logs all the same.
    run(host.bare("logs").arg("api")).ok();

    let unknown = logs(&["none"]);
    assert_eq!(unknown.status, 1);
    assert!(
        unknown.text().contains("has no program, unit or site `none`"),
        "{}",
        unknown.stderr
    );
    assert!(unknown.text().contains("it has api, "), "{}", unknown.stderr);
    let pattern = logs(&["api", "--grep", "("]);
    assert!(
        pattern.text().contains("does not take the pattern"),
        "{}",
        pattern.stderr
    );
    in_their_order(&host);
}

/// What several logs hold is told in the order in which it happened, from a moment on, what was put aside included.
fn in_their_order(host: &Host) {
    let log = log_of_api(host);
    host.sh(&format!(
        "said() {{ date -d \"-$1 sec\" \"+$2 $1 s ago\"; }}
        {{ said 9000 '%F %T,500 [INFO]'; echo '  its trace'; }} | gzip >{log}.2.gz
        {{ said 7200 '%F %T,500 [INFO]'; echo '  its trace'; }} >{log}.1
        {{ said 3000 '%FT%T%:z'; said 60 '%FT%T%:z'; echo '  its trace'; }} >{log}
        errors=$(sed -n 's/.*error_log *\\([^; ]*\\).*/\\1/p' /etc/nginx/sites-enabled/shop)
        : >/var/log/nginx/access.log
        : >${{errors:=/var/log/nginx/error.log}}
        said 90 '%Y/%m/%d %T [error] 7#7:' >>$errors
        touch -d '-8990 sec' {log}.2.gz
        touch -d '-7190 sec' {log}.1
        curl -s -H 'Host: shop.example' http://127.0.0.1/wanted >/dev/null
        journalctl --sync"
    ));
    let told = |since: &str| -> Vec<String> {
        let pattern = r#"s ago$|trace|GET /wanted HTTP/1.1" 502|tick$"#;
        let words = ["api", "shop", "ticker", "--since", since, "--grep", pattern];
        let said = run(host.bare("logs").args(words)).ok().stdout;
        let line = |line: &str| {
            let (source, text) = line.split_once('|').expect("a source");
            let words: Vec<&str> = text.split_whitespace().collect();
            let text = match words.iter().find(|word| word.starts_with("/wanted")) {
                Some(wanted) => (*wanted).to_owned(),
                None => words[words.len().saturating_sub(3)..].join(" "),
            };
            format!("{}: {text}", source.trim())
        };
        let mut all: Vec<String> = said.lines().map(line).collect();
        // When the unit said its word is not known here.
        all.retain(|line| !line.ends_with("tick"));
        all
    };
    let last = [
        "shop error: 90 s ago",
        "api: 60 s ago",
        "api: its trace",
        "shop access: /wanted",
    ];
    assert_eq!(told("10m"), last);
    assert_eq!(told("10min ago"), last);
    let hour = [&["api: 3000 s ago"][..], &last].concat();
    assert_eq!(told("1h"), hour);
    let moment = host.sh("date -d '-1 hour' '+%F %T'");
    assert_eq!(told(&moment), hour);
    let hours = [&["api: 7200 s ago", "api: its trace"][..], &hour].concat();
    assert_eq!(told("2h ago").len(), hour.len());
    assert_eq!(told("130min ago"), hours);
    let all = [&["api: 9000 s ago", "api: its trace"][..], &hours].concat();
    assert_eq!(told("1d"), all);

    for (since, why) in [("soon", "invalid date"), ("10 minutes", "is still to come")] {
        let wrong = run(host.bare("logs").args(["api", "--since", since]));
        assert_eq!(wrong.status, 1);
        assert!(wrong.text().contains(why), "{}", wrong.stderr);
    }
    let json = run(host
        .bare("logs")
        .args(["api", "-n", "1", "--since", "2m", "--json"]))
    .ok()
    .stdout;
    let line = json
        .lines()
        .find(|line| line.contains("its trace"))
        .expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let now: f64 = host.sh("date +%s").parse().expect("seconds");
    let at = line["at"].as_f64().expect("a moment");
    assert!((50.0..120.0).contains(&(now - at)), "{line}");
}

#[test]
fn followed_logs_lose_and_repeat_no_line() {
    let Some(host) = Host::boot() else { return };
    run(host.command("apply", LOGGING).env("KEY", KEY)).ok();
    let log = log_of_api(&host);
    host.sh(&format!("echo before >>{log}"));
    let [out, errors] = ["followed", "errors"].map(|name| host.folder.path().join(name));
    let mut follow = host.bare("logs");
    follow.args([
        "-f",
        "-n",
        "1",
        "api",
        "ticker",
        "--grep",
        "(before|line|unit) ?[0-9]*$",
    ]);
    follow
        .stdout(std::fs::File::create(&out).expect("a file"))
        .stderr(std::fs::File::create(&errors).expect("a file"));
    let mut child = follow.spawn().expect("the program starts");
    let said = || std::fs::read_to_string(&out).expect("read");
    let sees = |text: &str| wait_for(&format!("`{text}`"), || said().contains(text));
    sees("before");
    host.sh(&format!("echo line 1 >>{log}; printf 'line ' >>{log}"));
    sees("line 1");
    // Half a line is told when it is whole.
    host.sh(&format!("echo 2 >>{log}"));
    sees("line 2");
    // The log is put aside with a line that nobody has read, and goes on as a new file, while the connection is cut.
    host.sh(&format!(
        "for pid in $(pidof sshd-session sshd); do
          if [ $(cut -d ' ' -f 4 /proc/$pid/stat) != 1 ]; then kill -9 $pid; fi
        done
        echo line 3 >>{log}; mv {log} {log}.1; echo line 4 >{log}; echo line 5 >>{log}"
    ));
    sees("line 5");
    host.sh(&format!(": >{log}; sleep 1.5; echo line 6 >>{log}"));
    sees("line 6");
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let errors = std::fs::read_to_string(&errors).expect("read");
    assert!(errors.contains("was lost; it is made again"), "{errors}");
    let said = said();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("api")).collect();
    let lines: Vec<&str> = lines.iter().filter_map(|line| line.split("| ").last()).collect();
    assert_eq!(
        lines,
        [
            "before", "line 1", "line 2", "line 3", "line 4", "line 5", "line 6"
        ]
    );
    // The host's part ends when nobody listens any more.
    wait_for("its end", || host.sh("pgrep -f 'of_uni[t]' || true").is_empty());
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
