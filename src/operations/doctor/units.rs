//! systemd units that have failed, nginx among them.

use super::failed::{Failed, ports};
use super::finding::{Finding, Gravity};
use super::seen::{Seen, value};
use crate::shell::quote;

/// What systemd ends with where the user is not known (systemd.exec(5), EXIT_USER).
const NO_USER: &str = "217";

/// Units that have failed, and nginx or supervisor where they are stopped.
pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    seen.all("sick")
        .filter_map(|(unit, facts)| sick(seen, unit, facts))
        .collect()
}

fn sick(seen: &Seen, unit: &str, facts: &str) -> Option<Finding> {
    let state = value(facts, "ActiveState").unwrap_or_default();
    let name = unit.trim_end_matches(".service");
    let start = match unit.ends_with(".service") {
        true => format!("systemctl reset-failed {0}; systemctl start {0}", quote(unit)),
        false => format!("systemctl start {}", quote(unit)),
    };
    let what = match state {
        "failed" => format!("{name} does not run: its unit has failed"),
        "inactive" => format!("{name} does not run: its unit is stopped"),
        "activating" if value(facts, "SubState") == Some("auto-restart") => {
            format!("{name} does not stay up: systemd starts it again and again")
        }
        _ => return None,
    };
    let words = seen.text("words", unit);
    if state == "inactive" {
        return Some(
            Finding::new("unit.stopped", Gravity::Down, what, "somebody has stopped it")
                .all_seen(words.lines().rev().take(2))
                .mend("start it")
                .safe(start),
        );
    }
    let mut lines: Vec<&str> = words.lines().skip(1).collect();
    // What it said the last time counts, not the times before.
    let began = |line: &&str| line.starts_with("Starting ") || line.starts_with("Started ");
    if let Some(at) = lines.iter().rposition(began) {
        let at = if lines[at].starts_with("Started ") && at > 0 && lines[at - 1].starts_with("Starting ") {
            at - 1
        } else {
            at
        };
        lines.drain(..at);
    }
    let no_user = value(facts, "ExecMainStatus") == Some(NO_USER);
    let with_user = format!("{facts}\naccount=missing");
    let command = value(facts, "ExecStart").unwrap_or_default();
    let command = command
        .split_once("argv[]=")
        .map_or("", |(_, rest)| rest.split(" ;").next().unwrap_or(rest));
    let mut finding = Failed {
        name,
        what,
        file: value(facts, "FragmentPath").unwrap_or(unit),
        facts: if no_user { &with_user } else { facts },
        run: value(facts, "run").unwrap_or_default(),
        user: value(facts, "User").unwrap_or_default(),
        log: value(words, "log").unwrap_or("its journal"),
        words: lines,
        ports: ports(command),
        start,
    }
    .explained(seen);
    // A job that ends is not a service that is down.
    if !unit.ends_with(".service") || value(facts, "UnitFileState") == Some("static") {
        finding.gravity = Gravity::Failing;
    }
    Some(finding)
}
