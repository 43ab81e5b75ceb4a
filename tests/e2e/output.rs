//! What programs read: JSON, a line for each thing that happens.

use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::backups::backup;
use crate::host::{Host, run};
use crate::vultr::Vultr;

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
}

const DAYS: &str = r#"
name: days
supervisor: { api: { command: /bin/sleep infinity } }
files: { /srv/data: { content: "one\n" } }
backups: { data: { paths: [/srv/data], schedule: "@daily", to: { folder: /opt/backups } } }
checks: { data: { command: "test -e /srv/data", within: 1s } }
"#;

/// `run` holds every line against the schema that is published: here all commands that have `--json` write some.
#[test]
fn every_command_writes_what_is_described() {
    let Some(host) = Host::boot() else { return };
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.add("web", &[]);
    let small = host.file("small.yml", "name: small\nfiles: { /srv/x: { content: x } }\n");
    let small = small.display().to_string();
    let own = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.args(words).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    };
    run(host.command("apply", DAYS).arg("--json")).ok();
    let switches = hostwright::cli::switches();
    let json = switches
        .into_iter()
        .find(|switch| switch.long == "json")
        .expect("--json");
    // All that order machines have it from the one word above them.
    let help = own(&["vm", "--help"]).output().expect("it runs").stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    let orders = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let orders = orders.map_while(|line| line.split_whitespace().next());
    let orders = orders
        .filter(|verb| *verb != "help")
        .map(|verb| format!("vm {verb}"));
    let commands = json
        .commands
        .into_iter()
        .filter(|command| command != "vm")
        .chain(orders);
    let commands: Vec<String> = commands.collect();
    assert!(commands.len() > 25, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        // A cloud that boots nothing refuses these; `up.rs` has them write what they do.
        let refuses = matches!(&*command, "up" | "vm create");
        let order = ["--region", "nowhere", "--plan", "none", "--label", "new", "--yes"];
        let mut call = match words[..] {
            ["check" | "rehearse"] => own(&[&command, &small]),
            ["plan" | "apply"] => host.command(&command, &DAYS.replace("one", "two")),
            ["backup", verb] => {
                let mut call = backup(&host, verb, "data");
                if verb == "restore" {
                    host.sh("echo other >/srv/data");
                    call.arg("--yes");
                }
                call
            }
            ["up"] => {
                let mut call = cloud.hostwright(home.path());
                call.args(["up", &small]).args(order);
                call
            }
            ["vm", ..] => {
                let mut call = cloud.hostwright(home.path());
                call.args(&words);
                match words[1] {
                    "create" => call.args(order),
                    "show" => call.arg("web"),
                    "destroy" => call.args(["web", "--confirm", "web"]),
                    _ => &mut call,
                };
                call
            }
            _ => {
                let mut call = host.bare(&command);
                match &*command {
                    "diff" => call.args(["1", "2"]),
                    "rollback" => call.arg("--yes"),
                    "restart" | "stop" | "start" | "logs" => call.arg("api"),
                    _ => &mut call,
                };
                call
            }
        };
        let told = run(call.arg("--json"));
        let seen = lines(&told.stdout);
        let ended = match (&*command, told.status) {
            // What is wrong with its disk is this machine's.
            ("doctor", 2) => 0,
            (_, status) => status,
        };
        assert_eq!(
            ended,
            i32::from(refuses),
            "{command}: {}{}",
            told.stdout,
            told.stderr
        );
        assert_eq!(
            (&seen[0]["event"], &seen[0]["command"]),
            (&"begin".into(), &command.into())
        );
        assert!(seen.len() > 1, "{}", told.stdout);
    }
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
