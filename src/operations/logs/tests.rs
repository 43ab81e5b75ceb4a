//! What is found out of lines, by this machine's perl.

use std::io::Write;
use std::process::{Command, Stdio};

use super::merge::{Line, merged};
use super::{TIMES, ago};

/// What is printed of `text` on a host in Berlin.
fn timed(text: &str, words: &[&str]) -> String {
    let mut perl = Command::new("perl");
    perl.args(["-e", TIMES]).args(words).env("TZ", "Europe/Berlin");
    let mut child = perl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("read");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines since a moment, the last so many of them, that match.
fn lines(text: &str, since: u32, last: &str, pattern: &str) -> Vec<String> {
    let since = since.to_string();
    let printed = timed(text, &["lines", &since, last, "5.5", pattern, ""]);
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn lines_say_when_they_were_written() {
    for (line, at) in [
        // UTC, another zone, and the host's, in summer and in winter.
        ("2026-11-28T22:11:21Z up", 1_795_903_881.0),
        ("2026-11-28T22:11:21.250+01:00 up", 1_795_900_281.25),
        ("2026-07-28 22:11:21,123 INFO up", 1_785_269_481.123),
        ("2026-11-28 22:11:21 up", 1_795_900_281.0),
        // Python, Go, Rust, log4j, nginx's errors.
        ("INFO 2026-11-28 22:11:21,500 root: up", 1_795_900_281.5),
        ("[2026-11-28 22:11:21 +0000] [7] [INFO] up", 1_795_903_881.0),
        ("2026/11/28 22:11:21 up", 1_795_900_281.0),
        ("  2026-11-28T22:11:21.000001Z  INFO up", 1_795_903_881.000_001),
        (
            "2026/11/28 22:11:21 [error] 12#12: *3 open() failed",
            1_795_900_281.0,
        ),
        // Access logs.
        (
            r#"203.0.113.7 - - [28/Nov/2026:22:11:21 +0000] "GET / HTTP/1.1" 200 5"#,
            1_795_903_881.0,
        ),
        (
            r#"::1 - ann smith [28/Nov/2026:22:11:21 -0130] "GET / HTTP/1.1" 200 5"#,
            1_795_909_281.0,
        ),
        // date(1), Apache's errors, mail.
        ("Sat Nov 28 22:11:21 UTC 2026", 1_795_903_881.0),
        (
            "[Sat Nov 28 22:11:21.250000 2026] [core:notice] up",
            1_795_900_281.25,
        ),
        ("Sat, 28 Nov 2026 22:11:21 GMT up", 1_795_903_881.0),
        // Seconds and their parts since 1970.
        ("1795903881 up", 1_795_903_881.0),
        ("1795903881250 up", 1_795_903_881.25),
        // Fields.
        (
            r#"{"level":30,"time":1795903881250,"msg":"up"}"#,
            1_795_903_881.25,
        ),
        (
            r#"{"msg": "at=1", "timestamp": "2026-11-28T22:11:21Z"}"#,
            1_795_903_881.0,
        ),
        (
            r#"level=info ts=2026-11-28T22:11:21.250Z msg="up""#,
            1_795_903_881.25,
        ),
        // None.
        ("up since 2026-11-28T22:11:21Z", 5.5),
        ("2026-13-28T22:11:21Z up", 5.5),
        ("12345 up", 5.5),
        ("", 5.5),
    ] {
        assert_eq!(
            timed(&format!("{line}\n"), &["lines", "0", "", "5.5", "", ""]),
            format!("{at:.6} {line}\n")
        );
    }
}

#[test]
fn a_day_without_its_year_is_the_last_one_that_was() {
    let output = Command::new("date")
        .args(["-d", "-40 days", "+%b %e %T|I%m%d %T|%s"])
        .env("TZ", "Europe/Berlin")
        .output();
    let said = String::from_utf8(output.expect("date").stdout).expect("text");
    let parts: Vec<&str> = said.trim().split('|').collect();
    let [syslog, glog, at] = parts[..] else {
        panic!("{said}")
    };
    let printed = lines(
        &format!("{syslog} host up\n{glog}.5 7 main.go:1] up\n"),
        0,
        "",
        "",
    );
    assert_eq!(
        printed,
        [
            format!("{at}.000000 {syslog} host up"),
            format!("{at}.500000 {glog}.5 7 main.go:1] up")
        ]
    );
}

#[test]
fn a_line_without_a_time_stays_with_the_one_before_it() {
    let text =
        "at the top\n2026-11-28T00:00:01Z one\n  a trace\n2026-11-28T00:00:02Z two\n  its trace\nthe end";
    let of = |since, last, pattern| -> Vec<String> {
        let all = lines(text, since, last, pattern);
        all.iter()
            .map(|line| format!("{}{}", &line[9..10], &line[18..]))
            .collect()
    };
    let one = "1";
    assert_eq!(
        of(0, "", ""),
        [
            "1at the top",
            "12026-11-28T00:00:01Z one",
            "1  a trace",
            "22026-11-28T00:00:02Z two",
            "2  its trace",
            "2the end"
        ]
    );
    assert_eq!(
        of(0, "", "trace$|^the"),
        ["1  a trace", "2  its trace", "2the end"]
    );
    assert_eq!(of(0, one, "trace"), ["2  its trace"]);
    assert_eq!(of(0, "0", ""), Vec::<String>::new());
    assert_eq!(
        of(1_795_824_002, "", ""),
        ["22026-11-28T00:00:02Z two", "2  its trace", "2the end"]
    );
    assert_eq!(of(1_795_824_003, "", ""), Vec::<String>::new());
}

#[test]
fn a_log_may_be_larger_than_the_memory() {
    let mut sh = Command::new("sh");
    // 160 MB are read in 60 MB.
    let script = r#"ulimit -v 60000
        line=$(head -c 2000 /dev/zero | tr '\0' x)
        { echo untimed; echo 2026-11-28T00:00:01Z; yes "$line" | head -n 80000; echo 2026-11-28T00:00:02Z two; } |
        exec perl -e "$times" lines 1795824001 3 0 '^.{0,30}$' ''"#;
    let output = sh
        .args(["-c", script])
        .env("times", TIMES)
        .output()
        .expect("sh runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "1795824001.000000 untimed\n1795824001.000000 2026-11-28T00:00:01Z\n1795824002.000000 2026-11-28T00:00:02Z two\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_journal_keeps_its_cursor_and_its_seconds() {
    let text =
        "2026-11-28T00:00:01.250000+0000 host a[1]: one\n    2020-01-01T00:00:00Z more\n-- cursor: s=1\n";
    let printed = timed(text, &["lines", "0", "", "0", "more|one", "yes"]);
    assert_eq!(
        printed,
        "1795824001.250000 2026-11-28T00:00:01+0000 host a[1]: one\n1795824001.250000     2020-01-01T00:00:00Z more\n-- cursor: s=1\n"
    );
}

#[test]
fn a_long_log_is_read_from_near_where_it_is_wanted() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let text: String = (0..20_000)
        .map(|second| format!("{} line\n", 1_795_000_000 + second))
        .collect();
    std::fs::write(&path, &text).expect("written");
    let begin = |since: &str| {
        let path = path.to_str().expect("a path");
        timed("", &["begin", since, path])
            .parse::<usize>()
            .expect("a number")
    };
    let wanted = text.find("1795019000").expect("there");
    let from = begin("1795019000");
    assert!(from > text.len() - 70_000 && from < wanted, "{from}");
    let from = begin("1795010000");
    assert!(
        from > 0 && from < text.find("1795010000").expect("there"),
        "{from}"
    );
    assert_eq!(begin("1"), 0);
}

#[test]
fn lines_of_several_logs_are_told_in_their_order() {
    let line = |source: usize, at: f64| Line {
        source,
        at,
        text: String::new(),
    };
    let all = merged(vec![
        line(0, 1.0),
        line(0, 3.0),
        line(1, 1.0),
        line(1, 2.0),
        line(2, 0.5),
    ]);
    let order: Vec<_> = all.iter().map(|line| (line.source, line.at)).collect();
    assert_eq!(order, [(2, 0.5), (0, 1.0), (1, 1.0), (1, 2.0), (0, 3.0)]);
}

#[test]
fn lengths_of_time_are_the_projects_own() {
    for (text, seconds) in [
        ("10m", 600),
        ("10min ago", 600),
        ("2 h", 0),
        ("2h", 7200),
        ("1d ago", 86_400),
    ] {
        assert_eq!(ago(text), (seconds > 0).then_some(seconds), "{text}");
    }
    assert_eq!(ago("yesterday"), None);
}
