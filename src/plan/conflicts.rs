//! What a daemon takes from one file alone: a server's name at a socket, a log. Another file that has it too, on the
//! host or in the playbook, is named with its line before anything is touched. The daemon's own check in the step
//! finds what this cannot know.

use std::collections::HashSet;

use crate::daemons::text::{logrotate, nginx};
use crate::desired::{Context, ROTATIONS, Refusal, Resource, SITES, texts};

/// Refuses what another file has already. `gone` is taken away by then.
///
/// # Errors
/// When a daemon would pass over ours, or over the other, which is named.
pub(super) fn refuse(
    resource: &dyn Resource,
    cx: &Context<'_>,
    gone: &HashSet<String>,
) -> Result<(), Refusal> {
    // What gives way to another resource does not stay.
    if resource.version().is_none() {
        return Ok(());
    }
    for (path, text) in texts(resource, cx.entries) {
        if nginx::is_site(&path) {
            site(resource, &path, text, cx, gone)?;
        } else if logrotate::is_file(&path) {
            rotation(resource, &path, text, cx, gone)?;
        }
    }
    Ok(())
}

/// Texts of this playbook that daemons read at other paths, each with what it is for people.
fn others<'a>(resource: &dyn Resource, path: &str, cx: &'a Context<'_>) -> Vec<(String, String, &'a str)> {
    let others = cx
        .entries
        .iter()
        .filter(|entry| entry.resource.id() != resource.id());
    let told = others.flat_map(|entry| {
        let id = entry.resource.id();
        let of =
            move |(path, text): (String, &'a str)| (format!("{path} ({id} of this playbook)"), path, text);
        texts(&*entry.resource, cx.entries).into_iter().map(of)
    });
    told.filter(|(_, other, _)| other != path).collect()
}

/// Whether the file at `path` is as it is on the host when it is `resource`'s turn: the playbook neither puts it there
/// nor takes it away.
fn stays(path: &str, cx: &Context<'_>, gone: &HashSet<String>) -> bool {
    let at_or_above = |place: &str| {
        let rest = path.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let ours = |path: &str| {
        cx.entries
            .iter()
            .any(|entry| entry.resource.paths().contains(&path))
    };
    !ours(path) && !gone.iter().any(|place| at_or_above(place))
}

/// Parts of an answer, `@PATH` before each: the paths and their lines.
fn files(answer: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = answer.strip_prefix('@').unwrap_or(answer).split("\n@");
    parts.map(|part| part.split_once('\n').unwrap_or((part, "")))
}

fn site(
    resource: &dyn Resource,
    path: &str,
    text: &str,
    cx: &Context<'_>,
    gone: &HashSet<String>,
) -> Result<(), Refusal> {
    let own = nginx::claims(text);
    let refusal = |claim: &nginx::Claim, other: &str, line: usize| {
        let what = match claim.name.as_deref() {
            None => "its default server".to_owned(),
            Some("") => "a server without a name".into(),
            Some(name) => format!("the name {name}"),
        };
        let socket = claim.socket;
        Refusal {
            id: resource.id().clone(),
            cause: format!(
                "nginx takes {what} at {socket} from one file alone, and {other} has it too, in line {line}"
            ),
            mend: "give one of them another name, or take one away (`replaces_default: true` takes the default site)"
                .into(),
        }
    };
    let find = |theirs: &[nginx::Claim]| {
        own.iter().find_map(|claim| {
            let same = |other: &&nginx::Claim| claim.socket == other.socket && claim.name == other.name;
            Some((claim, theirs.iter().find(same)?.line))
        })
    };
    for (other, at, text) in others(resource, path, cx) {
        if nginx::is_site(&at)
            && let Some((claim, line)) = find(&nginx::claims(text))
        {
            return Err(refusal(claim, &other, line));
        }
    }
    let main = cx
        .content(nginx::MAIN)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let mut included = main.unwrap_or_default();
    for (at, lines) in files(cx.facts.output(SITES)) {
        if at.is_empty() && main.is_none() {
            included = lines;
        }
        let (behind, lines) = lines.split_once('\n').unwrap_or((lines, ""));
        let behind = behind.strip_prefix('=').unwrap_or(at);
        let counts = at == nginx::MAIN || nginx::includes(included, at);
        if at.is_empty() || at == path || !counts || !stays(at, cx, gone) || !stays(behind, cx, gone) {
            continue;
        }
        if let Some((claim, line)) = find(&nginx::claims_of_numbered(lines)) {
            return Err(refusal(claim, at, line));
        }
    }
    Ok(())
}

fn rotation(
    resource: &dyn Resource,
    path: &str,
    text: &str,
    cx: &Context<'_>,
    gone: &HashSet<String>,
) -> Result<(), Refusal> {
    let answer = cx.facts.output(ROTATIONS);
    // logrotate itself minds them no more then.
    if text.contains("ignoreduplicates") || answer.contains("ignoreduplicates") {
        return Ok(());
    }
    let own = logrotate::logs(text);
    let find = |theirs: Vec<logrotate::Log>| {
        own.iter().find_map(|log| {
            let theirs = theirs
                .iter()
                .find(|other| logrotate::meet(&log.pattern, &other.pattern));
            Some((log, theirs?.clone()))
        })
    };
    let refusal = |log: &logrotate::Log, other: &str, theirs: &logrotate::Log| {
        let (ours, theirs, line) = (&log.pattern, &theirs.pattern, theirs.line);
        Refusal {
            id: resource.id().clone(),
            cause: format!(
                "{path} would rotate {ours}, and {other} rotates {theirs} (line {line}): logrotate takes a log from one file alone, and passes over the other file whole"
            ),
            mend: "leave the log to one of the two files, or list the other under `absent`".into(),
        }
    };
    for (other, at, text) in others(resource, path, cx) {
        if logrotate::is_file(&at)
            && let Some((log, theirs)) = find(logrotate::logs(text))
        {
            return Err(refusal(log, &other, &theirs));
        }
    }
    for (at, lines) in files(answer) {
        let counts = at != path && logrotate::is_file(at) && stays(at, cx, gone);
        if counts && let Some((log, theirs)) = find(logrotate::logs_of_numbered(lines)) {
            return Err(refusal(log, at, &theirs));
        }
    }
    Ok(())
}
