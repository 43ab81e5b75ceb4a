//! Programs under supervisor that do not run.

use super::failed::{Failed, ports};
use super::finding::{Finding, Gravity};
use super::seen::{Seen, value};
use crate::operations::status::{Program, Runner};
use crate::shell::quote;

/// A program that ended so often in the last ten minutes, and has not been up for long, cannot stay up.
const OFTEN: usize = 3;
const LONG: u64 = 60;

/// The declaration of a program: supervisor's options, and what stands on disk of what they name.
pub(super) fn section<'s>(seen: &'s Seen, program: &str) -> &'s str {
    let (group, own) = program.split_once(':').unwrap_or((program, program));
    let by = |name| seen.all("section").find(|(its, _)| *its == name);
    by(own).or_else(|| by(group)).map_or("", |(_, text)| text)
}

/// How often a program has ended in the last ten minutes.
fn ended(seen: &Seen, program: &str) -> usize {
    let own = program.split(':').next_back().unwrap_or(program);
    let lines = seen.first("recent").lines();
    lines.filter(|line| line.split(' ').next() == Some(own)).count()
}

pub(super) fn supervised(seen: &Seen) -> impl Iterator<Item = &Program> {
    let all = seen.status.programs.iter();
    all.filter(|program| program.runner == Runner::Supervisor)
}

/// Programs that supervisord does not keep up, and files that it has not taken.
pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    if let Some((_, said)) = seen.all("unanswered").next() {
        // Where its unit is known to be down, that is what is wrong.
        if seen.all("sick").any(|(unit, _)| unit == "supervisor.service") {
            return Vec::new();
        }
        return vec![
            Finding::new(
                "supervisor.silent",
                Gravity::Down,
                "supervisord does not answer",
                "it does not run, or its socket is gone",
            )
            .seen(said)
            .mend("start it; it starts its programs")
            .safe("systemctl restart supervisor"),
        ];
    }
    let mut findings = Vec::new();
    for program in supervised(seen) {
        let ends = ended(seen, &program.name);
        let up = program
            .since
            .map(|since| seen.status.system.now.saturating_sub(since));
        let flaps = ends >= OFTEN && up.is_none_or(|up| up < LONG);
        if program.failed || flaps {
            let what = match (program.failed, &*program.state) {
                (true, state) => format!("{} does not run: supervisor calls it {state}", program.name),
                (false, _) => format!(
                    "{} does not stay up: it ended {ends} times in 10 minutes",
                    program.name
                ),
            };
            findings.push(explained(seen, &program.name, what));
        }
    }
    findings.extend(not_taken(seen));
    findings
}

fn explained(seen: &Seen, name: &str, what: String) -> Finding {
    let full = match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:{name}"),
    };
    let words = seen.text("words", &full);
    let said = described(seen, name);
    let section = section(seen, name);
    let command = value(section, "command").unwrap_or_default();
    let mut ports = ports(value(section, "environment").unwrap_or_default());
    ports.extend(self::ports(command));
    let failed = Failed {
        name,
        what,
        file: value(section, "file_of").unwrap_or_default(),
        facts: section,
        run: command.split_whitespace().next().unwrap_or_default(),
        user: value(section, "user").unwrap_or_default(),
        log: value(words, "log").unwrap_or("not kept"),
        words: said.into_iter().chain(words.lines().skip(1)).collect(),
        ports,
        start: format!("supervisorctl start {}", quote(name)),
    };
    failed.explained(seen)
}

/// What supervisord says of a program, where that is more than to see its log.
fn described<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let line = seen
        .first("described")
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))?;
    let said = line[name.len()..].trim().split_once(' ')?.1.trim();
    (!said.starts_with("Exited too quickly") && !said.starts_with("pid ")).then_some(said)
}

/// Files whose programs supervisord does not know.
fn not_taken(seen: &Seen) -> Vec<Finding> {
    let known = |name: &str| {
        let group = |program: &Program| program.name.split(':').next() == Some(name);
        let own = |program: &Program| program.name.split(':').next_back() == Some(name);
        supervised(seen).any(|program| group(program) || own(program))
    };
    let unknown = seen.all("section").filter(|(name, _)| !known(name));
    let finding = |(name, section): (&str, &str)| {
        let what = format!("{name} does not run: supervisord has not taken its file");
        let blocked = ["account", "log_missing"]
            .iter()
            .any(|fact| value(section, fact).is_some());
        let file = value(section, "file_of").unwrap_or_default();
        if !blocked {
            return Finding::new(
                "program.not-taken",
                Gravity::Failing,
                what,
                "supervisord was not told to read it, or could not while another file was wrong",
            )
            .seen(format!("{file} declares it"))
            .mend("have it read")
            .safe(format!("supervisorctl update {}", quote(name)));
        }
        let failed = Failed {
            name,
            what,
            file,
            facts: section,
            run: value(section, "command").unwrap_or_default(),
            user: value(section, "user").unwrap_or_default(),
            log: "not kept",
            words: Vec::new(),
            ports: Vec::new(),
            start: format!("supervisorctl update {}", quote(name)),
        };
        failed.explained(seen)
    };
    unknown.map(finding).collect()
}
