//! What ought to happen by itself and does not: cron's jobs, the rotation of logs, backups.

use super::finding::{Finding, Gravity};
use super::seen::{Seen, span, value};

const DAY: u64 = 24 * 60 * 60;

/// Logs are rotated daily: after so long they are not.
const STALE: u64 = 2 * DAY + DAY / 2;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(cron(seen));
    findings.extend(failing_jobs(seen));
    findings.extend(rotation(seen));
    findings.extend(declared_backups(seen));
    findings.extend(
        seen.all("pack")
            .filter_map(|(script, text)| backup(seen, script, text)),
    );
    findings
}

fn cron(seen: &Seen) -> Option<Finding> {
    let text = seen.first("cron");
    let jobs = seen.status.jobs.len();
    if value(text, "ActiveState") == Some("active") || jobs == 0 {
        return None;
    }
    let what = "cron's jobs do not run";
    if value(text, "LoadState") != Some("loaded") {
        // Packages bring entries for a cron that need not be there; a table of a user's own is meant.
        let own = seen
            .status
            .jobs
            .iter()
            .find(|job| job.table.starts_with("/var/spool/"))?;
        return Some(
            Finding::new(
                "cron.missing",
                Gravity::Failing,
                what,
                "cron is not installed, or masked",
            )
            .seen(format!("{} has jobs", own.table))
            .mend("install it: `apt-get install cron`"),
        );
    }
    Some(
        Finding::new("cron.stopped", Gravity::Failing, what, "cron does not run")
            .seen(format!(
                "cron.service is {}, {}",
                value(text, "ActiveState").unwrap_or("unknown"),
                value(text, "UnitFileState").unwrap_or("unknown")
            ))
            .mend("start it, now and at every boot")
            .safe("systemctl enable --now cron"),
    )
}

fn failing_jobs(seen: &Seen) -> impl Iterator<Item = Finding> {
    let failing = seen
        .status
        .jobs
        .iter()
        .filter(|job| job.status.is_some_and(|status| status != 0));
    failing.map(|job| {
        Finding::new(
            "cron.job-fails",
            Gravity::Failing,
            format!("a job of {} failed the last time", job.table),
            format!("`{}` ended with {}", job.command, job.status.unwrap_or_default()),
        )
        .seen(format!("{} {} {}", job.schedule, job.user, job.command))
        .mend(format!("run it by hand as {}, and see what it says", job.user))
    })
}

fn rotation(seen: &Seen) -> Option<Finding> {
    let (there, text) = seen.all("logrotate").next()?;
    let large: Vec<&str> = seen.first("large_logs").lines().collect();
    let tell = |line: &&str| {
        let (size, path) = line.split_once(' ')?;
        Some(format!("{path} has {} MB", size.parse::<u64>().ok()? / 1_000_000))
    };
    let large: Vec<String> = large.iter().filter_map(tell).collect();
    let finding = |kind, cause: String| {
        Finding::new(kind, Gravity::Failing, "logs are not rotated", cause).all_seen(&large)
    };
    if there != "there" {
        return (!large.is_empty()).then(|| {
            finding("logrotate.missing", "logrotate is not installed".into())
                .mend("install it: `apt-get install logrotate`")
        });
    }
    let words: Vec<&str> = seen.first("rotation_words").lines().collect();
    let by_timer = value(text, "LoadState") == Some("loaded");
    if by_timer && value(text, "ActiveState") != Some("active") {
        return Some(
            finding(
                "logrotate.timer-off",
                "the timer that starts logrotate is off".into(),
            )
            .seen(format!(
                "logrotate.timer is {}",
                value(text, "ActiveState").unwrap_or("unknown")
            ))
            .mend("switch it on")
            .safe("systemctl enable --now logrotate.timer"),
        );
    }
    if value(text, "result").is_some_and(|result| result != "success") {
        return Some(
            finding(
                "logrotate.fails",
                "logrotate fails: what it says of one file keeps others from being rotated".into(),
            )
            .all_seen(&words)
            .mend("correct what it says; `logrotate -d /etc/logrotate.conf` says it again"),
        );
    }
    if !by_timer && value(text, "daily").is_none() {
        return Some(
            finding(
                "logrotate.not-started",
                "nothing starts logrotate: there is no timer and no daily job".into(),
            )
            .mend("install the package again: `apt-get install --reinstall logrotate`"),
        );
    }
    let now = seen.status.system.now;
    let last: Option<u64> = value(text, "last").and_then(|last| last.parse().ok());
    let age = now.saturating_sub(last?);
    (age > STALE && seen.status.system.uptime > DAY + DAY / 2).then(|| {
        finding("logrotate.stale", format!("logrotate last ran {} ago", span(age)))
            .all_seen(&words)
            .mend("run it and see what it says: `logrotate -v /etc/logrotate.conf`")
    })
}

/// How often a schedule of cron's means, as far as its words say.
fn every(schedule: &str) -> u64 {
    let fields: Vec<&str> = schedule.split(' ').collect();
    match fields[..] {
        ["@hourly"] => DAY / 24,
        ["@weekly"] => 7 * DAY,
        ["@monthly"] => 31 * DAY,
        [_, _, day, ..] if day != "*" => 31 * DAY,
        [_, _, _, _, day] if day != "*" => 7 * DAY,
        [_, "*", ..] => DAY / 24,
        _ => DAY,
    }
}

/// Backups that playbooks declare, which say themselves what is wrong.
fn declared_backups(seen: &Seen) -> impl Iterator<Item = Finding> {
    seen.status.backups.iter().filter_map(|backup| {
        let problem = backup.problem.as_deref()?;
        let what = format!(
            "the backup {} of {} is not as it should be",
            backup.name, backup.playbook
        );
        let said = backup.last.iter().map(|last| &last.said);
        Some(
            Finding::new("backup.missing", Gravity::Failing, what, problem)
                .all_seen(said)
                .seen(format!("its archives are in {}", backup.place))
                .mend(format!(
                    "run it and see what it says: `hostwright backup run TARGET {}`",
                    backup.name
                )),
        )
    })
}

/// A backup that a script should have made (the shipped backup.sh).
fn backup(seen: &Seen, script: &str, text: &str) -> Option<Finding> {
    let now = seen.status.system.now;
    let to = value(text, "to")?;
    let job = seen.status.jobs.iter().find(|job| job.command.contains(script));
    let due = job.map_or(DAY, |job| every(&job.schedule));
    let time = |text: &str| {
        text.split(['.', ' '])
            .next()
            .and_then(|seconds| seconds.parse::<u64>().ok())
    };
    let since = time(value(text, "since")?)?;
    let newest = value(text, "newest").and_then(time);
    let age = now.saturating_sub(newest.unwrap_or(since));
    if age < 2 * due + due / 2 {
        return None;
    }
    let what = match newest {
        Some(_) => format!("the newest backup in {to} is {} old", span(age)),
        None => format!("there is no backup in {to}"),
    };
    let found = |cause: String| {
        Finding::new("backup.missing", Gravity::Failing, &*what, cause)
            .seen(format!("{script} should make one every {}", span(due)))
    };
    Some(match job {
        None => found(format!("no job of cron's runs {script}")).mend("put the job back: an apply does"),
        Some(job) => {
            let cause = match (job.ran, job.status) {
                (None, _) => "its job has not run, as far as cron's log goes back".to_owned(),
                (Some(at), Some(status)) if status != 0 => {
                    format!("it failed with {status}, {} ago", span(now.saturating_sub(at)))
                }
                (Some(at), _) => format!("it ran {} ago, and made none", span(now.saturating_sub(at))),
            };
            found(cause)
                .mend("run it and see what it says")
                .safe(crate::shell::quote(script))
        }
    })
}
