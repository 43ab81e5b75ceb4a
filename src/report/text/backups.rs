//! Backups, as text.

use std::fmt::Write;

use super::history::time;
use super::table::{size, span, table};
use crate::change::{Verb, counted};
use crate::operations::backups::{Archive, Backup, Difference, Done, Listed, Proof};

/// So many paths of a restore are told unless all are asked for.
const SHOWN: usize = 40;

/// Backups and their archives.
pub(super) fn listed(host: &str, all: &[Listed]) -> String {
    let mut text = String::new();
    for Listed {
        backup,
        archives,
        kept,
    } in all
    {
        let Backup {
            playbook,
            name,
            place,
            schedule,
            keep,
            ..
        } = backup;
        let _ = writeln!(
            text,
            "{name} of {playbook} on {host}: at {schedule} to {place}, {} kept",
            counted(*keep as usize, "archive")
        );
        if let Some(problem) = &backup.problem {
            let _ = writeln!(text, "  ✗ {problem}");
        }
        for (word, proof) in [("verified", &backup.verified), ("drilled", &backup.drilled)] {
            if let Some(Proof { ended, .. }) = proof {
                let mark = if ended.failed { '✗' } else { '✓' };
                let _ = writeln!(text, "  {mark} {word} {}: {}", time(ended.at), ended.said);
            }
        }
        let rows = |archives: &[Archive]| archives.iter().rev().map(row_of).collect::<Vec<_>>();
        match archives.is_empty() {
            true => text += "  no archive yet\n",
            false => table(&mut text, "Archives", rows(archives)),
        }
        table(&mut text, "What stood here before restores", rows(kept));
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

fn row_of(archive: &Archive) -> Vec<String> {
    vec![
        archive.name.clone(),
        time(archive.made),
        size(archive.size),
        entries(archive),
    ]
}

fn entries(archive: &Archive) -> String {
    match archive.entries {
        1 => "1 entry".into(),
        many => format!("{many} entries"),
    }
}

/// A row of `status`.
pub(super) fn row(backup: &Backup, now: u64) -> Vec<String> {
    let ago = |at: u64| format!("{} ago", span(now.saturating_sub(at)));
    let newest = backup.newest.as_ref();
    let proof = |word: &str, proof: &Option<Proof>| {
        proof.as_ref().map(|proof| {
            let failed = if proof.ended.failed { " (failed)" } else { "" };
            format!("{word}{failed} {}", ago(proof.ended.at))
        })
    };
    let disproved = [&backup.drilled, &backup.verified]
        .into_iter()
        .flatten()
        .find(|proof| proof.ended.failed);
    let wrong = backup.problem.clone();
    let wrong = wrong.or_else(|| disproved.map(|proof| proof.ended.said.clone()));
    let proofs = [
        proof("verified", &backup.verified),
        proof("drilled", &backup.drilled),
    ];
    let proofs: Vec<String> = proofs.into_iter().flatten().collect();
    vec![
        format!("{} {}", if wrong.is_some() { '✗' } else { '✓' }, backup.name),
        newest.map_or("no archive yet".into(), |newest| ago(newest.made)),
        newest.map(|newest| size(newest.size)).unwrap_or_default(),
        match proofs.is_empty() {
            true => "never proved".into(),
            false => proofs.join(", "),
        },
        wrong.unwrap_or_default(),
    ]
}

/// What a backup did.
pub(super) fn done(done: &Done) -> String {
    let mark = if done.failed { '✗' } else { '✓' };
    let mut text = format!("{mark} {} of {}", done.name, done.playbook);
    match done.said.contains('\n') {
        false => {
            let _ = writeln!(text, ": {}", done.said);
        }
        true => {
            text.push('\n');
            for line in done.said.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text
}

/// What restoring an archive would do.
pub(super) fn plan(host: &str, archive: &Archive, differences: &[Difference], all: bool) -> String {
    let mut text = format!(
        "Restoring {} of {} on {host}:\n\n",
        archive.name,
        time(archive.made)
    );
    if differences.is_empty() {
        text += "Nothing differs.";
        return text;
    }
    let shown = if all { differences.len() } else { SHOWN };
    for Difference { verb, path, why } in differences.iter().take(shown) {
        let sign = match verb {
            Verb::Create => '+',
            Verb::Remove => '-',
            Verb::Update | Verb::Run => '~',
        };
        let why = match why.is_empty() {
            true => String::new(),
            false => format!("  ({})", why.join(", ").to_lowercase()),
        };
        let _ = writeln!(text, "{sign} {path}{why}");
    }
    if let Some(more) = differences.len().checked_sub(shown).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {}; --verbose shows all", counted(more, "other"));
    }
    let count = |verb| differences.iter().filter(|each| each.verb == verb).count();
    let _ = write!(
        text,
        "\n{} to put back, {} to replace, {} to take away. What is replaced or taken away is kept on the host.",
        count(Verb::Create),
        count(Verb::Update),
        count(Verb::Remove)
    );
    text
}
