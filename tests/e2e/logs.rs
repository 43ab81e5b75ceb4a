//! `logs`: what programs, units and sites have said.

use crate::host::{Host, run, wait_for};

const KEY: &str = "a-key-that-nobody-sees";

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
        {{ said 7200 '%F %T,500 [INFO]'; echo '  its trace'; }} >{log}-20261128
        {{ said 3000 '%FT%T%:z'; said 60 '%FT%T%:z'; echo '  its trace'; }} >{log}
        errors=$(sed -n 's/.*error_log *\\([^; ]*\\).*/\\1/p' /etc/nginx/sites-enabled/shop)
        : >/var/log/nginx/access.log
        : >${{errors:=/var/log/nginx/error.log}}
        said 90 '%Y/%m/%d %T [error] 7#7:' >>$errors
        touch -d '-8990 sec' {log}.2.gz
        touch -d '-7190 sec' {log}-20261128
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
