//! What programs read: JSON, a line for each thing that happens.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::host::{Host, run};

const PLAYBOOK: &str = r#"
name: told
secrets: { token: { env: HW_TOKEN } }
files:
  /srv/token: { content: "token ${token}\n" }
  /srv/plain: { content: "plain\n" }
commands:
  says: { run: "cat /srv/token; touch /srv/said", unless: test -e /srv/said, after: [file./srv/token] }
checks:
  shown: { command: "grep -q nothing /srv/token || cat /srv/token && false", within: 1s }
"#;

/// A quote, a backslash and a blank: JSON writes them otherwise.
const TOKEN: &str = r#"s3cr"t\ value"#;

fn lines(stdout: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    stdout.lines().map(parse).collect()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[test]
fn an_apply_is_told_in_json_without_a_secret() {
    let Some(host) = Host::boot() else { return };
    let told = |verb: &str, more: &[&str]| {
        let mut command = host.command(verb, PLAYBOOK);
        let run = run(command.arg("--json").args(more).env("HW_TOKEN", TOKEN));
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(!all.contains("s3cr"), "{all}");
        (run.status, lines(&run.stdout))
    };

    let (status, plan) = told("plan", &["--detailed-exitcode"]);
    assert_eq!(status, 2);
    assert_eq!(events(&plan), ["begin", "playbook", "plan"]);
    assert_eq!(plan[0]["output"], 1);
    assert_eq!(plan[2]["playbook"], "told");
    // Whatever the target's name leads to, it is said which address was reached.
    let address = host.machine.address();
    assert_eq!(plan[2]["host"], format!("root@{address}"));
    assert_eq!(plan[2]["address"], format!("{address}:22"));
    let changes = plan[2]["changes"].as_array().expect("changes");
    let ids: Vec<&str> = changes
        .iter()
        .filter_map(|change| change["id"].as_str())
        .collect();
    assert_eq!(ids, ["file./srv/token", "file./srv/plain", "command.says"]);
    assert_eq!(changes[1]["details"][0]["diff"]["new"], "plain\n");

    let (status, apply) = told("apply", &[]);
    assert_eq!(status, 1);
    let seen = events(&apply);
    for event in [
        "applying",
        "step_started",
        "step_output",
        "step_done",
        "applied",
        "check",
        "error",
    ] {
        assert!(seen.contains(&event), "{event} in {seen:?}");
    }
    let said: Vec<&Value> = apply
        .iter()
        .filter(|line| line["event"] == "step_output")
        .collect();
    // The host puts stars in its place when the run ends, which we may read sooner.
    let line = said[0]["line"].as_str().expect("a line");
    assert!(line == "token (secret)" || line.starts_with("token **"), "{line}");
    let check = apply
        .iter()
        .find(|line| line["event"] == "check")
        .expect("a check");
    assert!(
        check["wrong"]
            .as_str()
            .is_some_and(|wrong| wrong.contains("(secret)")),
        "{check}"
    );

    // Every event that was seen is described.
    let schema =
        run(std::process::Command::new(env!("CARGO_BIN_EXE_hostwright")).args(["schema", "--output"]));
    let known: BTreeSet<&str> = schema
        .stdout
        .split('"')
        .filter(|word| !word.contains(char::is_whitespace))
        .collect();
    let unknown: Vec<&&str> = seen.iter().filter(|event| !known.contains(**event)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn quiet_says_only_what_failed() {
    let Some(host) = Host::boot() else { return };
    let quiet = |verb: &str, playbook: &str| run(host.command(verb, playbook).arg("--quiet"));
    let right =
        "name: right\nfiles: { /srv/a: { content: a } }\nchecks: { a: { command: test -e /srv/a } }\n";
    let all = [quiet("plan", right), quiet("apply", right)];
    for run in all {
        assert_eq!(
            (run.status, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", "")
        );
    }
    let wrong = "name: wrong\ncommands: { no: { run: 'echo why; false', unless: 'false' } }\n";
    let run = quiet("apply", wrong);
    assert_eq!(run.status, 1);
    assert!(
        run.stdout.contains("    why\n0 of 1 step was done"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("Plan of"), "{}", run.stdout);
}
