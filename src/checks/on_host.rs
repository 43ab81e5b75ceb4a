//! Checks asked on the host: all of them in one exec, each once. Whoever asks tries again until an answer is right.

use std::fmt::Write;

use super::answer::{Outcome, one_line};
use crate::desired::check::{Check, Expected, Probe};
use crate::layout::{Frame, SAY};
use crate::shell;

/// How sh runs a command that it reads from stdin, so that it stands in no process list. A shell of its
/// own: no syntax error in it, and nothing it reads, touches the other checks.
const RUN: &str = "'exec 3<&0 </dev/null; . /dev/fd/3'";

/// The shortest time that a command gets, in seconds.
const SHORTEST: u32 = 10;

/// What `timeout` ends with when the time was up (timeout(1)).
const TIMED_OUT: i32 = 124;

/// A program that asks every check once, side by side, and says what it saw, in frames `check` named `INDEX STATUS`.
/// The caller judges, so that a check on the host and one from here mean the same.
pub fn script(checks: &[&Check]) -> String {
    format!("{SAY}{}", asks(checks))
}

/// The same for where there is a `say`.
pub fn asks(checks: &[&Check]) -> String {
    let mut text = String::new();
    let mut nested = ":".to_owned();
    for (index, check) in checks.iter().enumerate() {
        let asks = match &check.probe {
            Probe::Http {
                url,
                post,
                headers,
                expect,
            } => {
                let config = curl_config(url, post.as_deref(), headers, expect.follows());
                format!("printf %s {} | curl --config -", shell::quote(&config))
            }
            Probe::Tcp(address) => {
                let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
                let connect = format!("exec 3<>/dev/tcp/{}/{port}", host.trim_matches(['[', ']']));
                shell::words(["timeout", "5", "bash", "-c", &connect])
            }
            // It is knocked at from outside.
            Probe::Exposed(_) => String::new(),
            Probe::Command(command) | Probe::Measure(command) => {
                let command = shell::quote(command);
                let limit = check.within.max(SHORTEST);
                format!("printf %s {command} | timeout {limit} sh -c {RUN}")
            }
        };
        let _ = writeln!(
            text,
            "c{index}() {{ answer=$({asks} 2>&1); say check \"{index} $?\" \"$answer\"; }} </dev/null"
        );
        // A pipeline runs its stages side by side.
        nested = format!("c{index} | {{ {nested}; cat; }}");
    }
    let _ = writeln!(text, "{nested}");
    text
}

/// curl's options as its configuration on stdin, so that no header stands in a process list
/// (curl's manual, "--config": a value in quotes, `\` and `"` escaped).
fn curl_config(url: &str, post: Option<&str>, headers: &[(String, String)], follow: bool) -> String {
    let mut config = String::from("silent\nshow-error\nmax-time = 10\nwrite-out = \"\\n%{http_code}\"\n");
    let mut option = |name: &str, value: &str| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = writeln!(config, "{name} = \"{value}\"");
    };
    option("url", url);
    let local = ["http://127.0.0.1", "http://localhost"]
        .iter()
        .any(|local| url.starts_with(local));
    if local {
        // Where it sends us is asked here, too: a site redirects to its public name, which is this host.
        option("connect-to", "::127.0.0.1:");
    }
    for (name, value) in headers {
        option("header", &format!("{name}: {value}"));
    }
    if let Some(post) = post {
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            option("header", "content-type: application/json");
        }
        option("data-raw", post);
    }
    if follow {
        config.push_str("location\n");
    }
    config
}

/// Reads what [`script`] printed and judges it.
pub fn judge(checks: &[&Check], output: &[u8]) -> Vec<Outcome> {
    let mut rest = output;
    let mut seen = Vec::new();
    while let Ok((frame, after)) = Frame::read(rest) {
        seen.extend(report(frame));
        rest = after;
    }
    let outcome = |(index, check): (usize, &&Check)| {
        let wrong = match seen.iter().find(|report| report.index == index) {
            None => Some("the host did not answer".to_owned()),
            Some(report) => wrong(
                &check.probe,
                report.status,
                &String::from_utf8_lossy(report.answer),
            ),
        };
        Outcome {
            name: check.name.clone(),
            wrong,
            note: None,
        }
    };
    checks.iter().enumerate().map(outcome).collect()
}

/// What was seen when a check was asked once.
struct Report<'o> {
    index: usize,
    status: i32,
    answer: &'o [u8],
}

fn report(frame: Frame<'_>) -> Option<Report<'_>> {
    let (index, status) = frame.name.split_once(' ')?;
    Some(Report {
        index: index.parse().ok()?,
        status: status.parse().ok()?,
        answer: frame.body,
    })
}

fn wrong(probe: &Probe, status: i32, answer: &str) -> Option<String> {
    match probe {
        Probe::Http { url, expect, .. } => {
            let (body, code) = answer.rsplit_once('\n').unwrap_or(("", answer));
            http(expect, url, status, body, code)
        }
        Probe::Tcp(address) if status != 0 => Some(format!("nothing takes a connection at {address}")),
        Probe::Command(_) | Probe::Measure(_) if status == TIMED_OUT => {
            Some(format!("it did not end in time: {}", one_line(answer.trim())))
        }
        Probe::Command(_) if status != 0 => {
            Some(format!("it ended with {status}: {}", one_line(answer.trim())))
        }
        Probe::Measure(_) if status != 0 => Some(one_line(answer.trim())),
        _ => None,
    }
}

fn http(expect: &Expected, url: &str, status: i32, body: &str, code: &str) -> Option<String> {
    match (status, code.parse::<u16>()) {
        (0, Ok(code)) => expect.judge(code, body),
        (127, _) => Some("the host has no curl; add it to `apt.packages`".into()),
        _ => Some(format!("{url} does not answer: {}", one_line(body))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::check::From;

    fn check(name: &str, probe: Probe) -> Check {
        Check {
            name: name.into(),
            probe,
            from: From::Host,
            within: 1,
        }
    }

    #[test]
    fn answers_are_judged_one_by_one() {
        let http = Probe::Http {
            url: "http://x/".into(),
            post: None,
            headers: Vec::new(),
            expect: Expected {
                status: 200,
                json: Vec::new(),
                contains: None,
            },
        };
        let (a, b, c, d) = (
            check("a", http.clone()),
            check("b", http),
            check("c", Probe::Tcp("127.0.0.1:1".into())),
            check("d", Probe::Command("false".into())),
        );
        let checks = [&a, &b, &c, &d];
        let output = "@check 6 0 0\nok\n200\n@check 8 1 7\nrefused\n\n@check 0 2 1\n\n@check 0 3 0\n\n";
        let wrong: Vec<Option<String>> = judge(&checks, output.as_bytes())
            .into_iter()
            .map(|o| o.wrong)
            .collect();
        assert_eq!(wrong[0], None);
        assert_eq!(wrong[1].as_deref(), Some("http://x/ does not answer: refused"));
        assert_eq!(
            wrong[2].as_deref(),
            Some("nothing takes a connection at 127.0.0.1:1")
        );
        assert_eq!(wrong[3], None);
    }

    #[test]
    fn an_answer_that_never_came_is_wrong() {
        let a = check("a", Probe::Command("true".into()));
        assert!(judge(&[&a], b"")[0].wrong.is_some());
        assert!(judge(&[&a], b"@0 0 99\nx\n")[0].wrong.is_some());
    }

    #[test]
    fn an_answer_may_hold_any_byte() {
        let (a, b) = (
            check("a", Probe::Command("x".into())),
            check("b", Probe::Command("y".into())),
        );
        let outcomes = judge(&[&a, &b], b"@check 3 0 1\nn\xff\xfe\n@check 0 1 0\n\n");
        assert_eq!(
            outcomes[0].wrong.as_deref(),
            Some("it ended with 1: n\u{fffd}\u{fffd}")
        );
        assert_eq!(outcomes[1].wrong, None);
    }

    #[test]
    fn commands_and_connections_really_run() {
        let no = check("no", Probe::Command("echo why; exit 3".into()));
        let reads = check("reads", Probe::Command("cat".into()));
        let broken = check("broken", Probe::Command("echo )".into()));
        let yes = check("yes", Probe::Command("test \"$0\" = sh &&\ntrue".into()));
        let closed = check("closed", Probe::Tcp("127.0.0.1:1".into()));
        let checks = [&no, &reads, &broken, &yes, &closed];
        let mut sh = std::process::Command::new("sh")
            .arg("-s")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("sh runs");
        let stdin = sh.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut { stdin }, script(&checks).as_bytes()).expect("written");
        let outcomes = judge(&checks, &sh.wait_with_output().expect("it ends").stdout);
        assert_eq!(outcomes[0].wrong.as_deref(), Some("it ended with 3: why"));
        assert_eq!(outcomes[1].wrong, None);
        assert!(outcomes[2].wrong.is_some());
        assert_eq!(outcomes[3].wrong, None);
        assert!(outcomes[4].wrong.is_some());
    }
}
