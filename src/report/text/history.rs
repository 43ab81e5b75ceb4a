//! What a host remembers, as text.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use super::plan::write_detail;
use crate::change::{Detail, counted};
use crate::operations::author::Author;
use crate::operations::generation::{About, Changes, Generation, History};
use crate::plan::Plan;

/// What an apply has changed, and what that makes.
pub(super) fn applied(changes: usize, generation: Option<u32>, seconds: f64) -> String {
    match (changes, generation) {
        (0, number) => format!(
            "The playbook means something else than before: generation {}.",
            number.unwrap_or_default()
        ),
        (changes, generation) => format!(
            "\nApplied {} in {seconds:.1} s; nothing is left to change.{}",
            counted(changes, "change"),
            generation.map_or(String::new(), |number| format!(" Generation {number}."))
        ),
    }
}

/// Generations and runs, a line for each.
#[allow(clippy::cast_precision_loss)]
pub(super) fn text(host: &str, history: &History) -> String {
    let mut text = String::new();
    let mut playbook = "";
    for kept in &history.generations {
        if kept.playbook != playbook {
            playbook = &kept.playbook;
            let _ = writeln!(text, "Generations of {playbook} on {host}:");
        }
        let Generation {
            at,
            by,
            changes,
            plan,
        } = &kept.generation;
        let plan = &plan[..plan.len().min(12)];
        let _ = writeln!(
            text,
            "  {:>3}  {}  {}  {}  plan {plan}, run {}",
            kept.number,
            time(*at),
            author(by),
            changed(changes),
            kept.run
        );
    }
    let bad = history.runs.iter().filter(|run| run.end != "ok");
    for (index, run) in bad.enumerate() {
        if index == 0 {
            text += "Runs that made none:\n";
        }
        let what = match run.end.as_str() {
            "failed" => "a step failed",
            "busy" => "another run was going on",
            "running" => "it is going on",
            _ => "it was cut off",
        };
        let about = &run.about;
        let _ = writeln!(
            text,
            "  {}  {}  {}  {} of {}: {what}",
            run.id,
            time(about.at),
            author(&about.by),
            counted(about.steps, "step"),
            about.playbook
        );
    }
    if !history.generations.is_empty() {
        let _ = writeln!(
            text,
            "What is kept takes {:.1} MB there.",
            history.disk as f64 * 1024.0 / 1e6
        );
    }
    if text.is_empty() {
        text = format!("{host} remembers no apply.");
    }
    text.trim_end().to_owned()
}

/// A generation and its playbook's text.
pub(super) fn generation(
    playbook: &str,
    number: u32,
    generation: &Generation,
    vars: &[(String, Option<String>)],
    text: &str,
) -> String {
    let mut shown = format!(
        "# Generation {number} of {playbook}, {}, by {}: {}\n",
        time(generation.at),
        author(&generation.by),
        changed(&generation.changes)
    );
    for (name, value) in vars {
        let _ = writeln!(shown, "# --set {name}={}", value.as_deref().unwrap_or("null"));
    }
    shown + text.trim_end()
}

/// What differs between two generations.
pub(super) fn difference(playbook: &str, from: u32, to: u32, details: &[Detail]) -> String {
    if details.is_empty() {
        return format!("Generations {from} and {to} of {playbook} mean the same.");
    }
    let mut text = format!("From generation {from} to {to} of {playbook}:\n");
    for detail in details {
        write_detail(&mut text, detail, true);
    }
    text.trim_end().to_owned()
}

/// Which generation is applied again.
pub(super) fn back(playbook: &str, number: u32, generation: &Generation) -> String {
    format!(
        "Generation {number} of {playbook}, {}, by {}. Secrets are those of today; packages are not downgraded.\n",
        time(generation.at),
        author(&generation.by)
    )
}

pub(super) fn drift(plan: &Plan) -> String {
    let number = plan.generation.unwrap_or_default();
    format!(
        "{} is no longer as generation {number} of {} left it. Applied again it would do this:\n",
        plan.host, plan.playbook
    )
}

pub(super) fn no_drift(plan: &Plan) -> String {
    let number = plan.generation.unwrap_or_default();
    format!(
        "{} is as generation {number} of {} left it.",
        plan.host, plan.playbook
    )
}

/// Who has a run done.
pub(super) fn doing(about: &About) -> String {
    let (steps, since) = (counted(about.steps, "step"), time(about.at));
    format!(
        " ({steps} of {}, by {}, since {since})",
        about.playbook,
        author(&about.by)
    )
}

pub(super) fn time(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799)))
}

pub(super) fn author(by: &Author) -> String {
    let from = by.revision.as_ref().map_or(String::new(), |revision| {
        let commit = &revision.commit[..revision.commit.len().min(8)];
        let dirty = if revision.dirty { ", changed since" } else { "" };
        format!(" from {commit}{dirty}")
    });
    format!("{}@{}{from}", by.user, by.machine)
}

fn changed(changes: &Changes) -> String {
    let parts = [
        (changes.created, "created"),
        (changes.updated, "updated"),
        (changes.removed, "removed"),
        (changes.run, "run"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    match parts.is_empty() {
        true => "nothing changed".into(),
        false => parts.join(", "),
    }
}
