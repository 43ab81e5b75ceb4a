//! What stands at a path and what would stop a change there: found in the plan, before anything is touched.

use crate::change::Id;
use crate::desired::{Context, Ref, Refusal};
use crate::facts::PathFact;
use crate::path::parent;

/// What stands there, in words.
pub(crate) fn what(fact: &PathFact) -> String {
    let word = match fact.kind {
        'f' => "a file",
        'd' => "a directory",
        'l' => return link(fact),
        'p' => "a named pipe",
        's' => "a socket",
        'b' | 'c' => "a device",
        _ => "neither a file nor a directory",
    };
    word.to_owned()
}

/// A link and where it leads, in words.
pub(crate) fn link(fact: &PathFact) -> String {
    match fact.behind {
        Some(_) => format!("a link to {}", fact.target),
        None => format!("a link to {}, where nothing stands", fact.target),
    }
}

/// Refuses what the host would not let be made, replaced or taken away at `path`.
pub(crate) fn replaceable(cx: &Context<'_>, id: &Id, path: &str) -> Result<(), Refusal> {
    let mut below = path;
    while let Some(above) = parent(below) {
        if let Some(fact) = cx.facts.path(above) {
            if fact.directory().is_none() && !cx.changes(&Ref::Path(above.to_owned())) {
                return Err(Refusal {
                    id: id.clone(),
                    cause: format!("{above} is {}, and {path} shall stand below it", what(fact)),
                    mend: format!("move {above} away, or make a directory of it"),
                });
            }
            not_fixed(id, above, fact)?;
            break;
        }
        below = above;
    }
    if cx.facts.is_mount_point(path) {
        return Err(Refusal {
            id: id.clone(),
            cause: format!("something is mounted at {path}, and nothing can take the place of a mount point"),
            mend: format!("`umount {path}` first, or change it where it is mounted from"),
        });
    }
    changeable(cx, id, path)
}

/// Refuses what the host would not let be changed: owner and mode, say.
pub(crate) fn changeable(cx: &Context<'_>, id: &Id, path: &str) -> Result<(), Refusal> {
    if let Some(mount) = cx.facts.read_only(path) {
        return Err(Refusal {
            id: id.clone(),
            cause: format!("{path} is on a read-only file system, mounted at {mount}"),
            mend: format!("`mount -o remount,rw {mount}` first"),
        });
    }
    match cx.facts.path(path) {
        Some(fact) => not_fixed(id, path, fact),
        None => Ok(()),
    }
}

fn not_fixed(id: &Id, path: &str, fact: &PathFact) -> Result<(), Refusal> {
    let Some(flag) = fact.fixed else { return Ok(()) };
    let what = match flag {
        'i' => "immutable: not even root may change it",
        _ => "append-only: not even root may change or replace what is there",
    };
    Err(Refusal {
        id: id.clone(),
        cause: format!("{path} is set {what}"),
        mend: format!("`chattr -{flag} {path}` first"),
    })
}

/// Whether two spellings of a link's target are one: a slash at the end or twice, a `.` that changes nothing.
pub(crate) fn same_target(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    one.starts_with('/') == other.starts_with('/') && parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_may_be_spelt_in_several_ways() {
        for (one, other) in [
            ("/opt/app", "/opt/app/"),
            ("/opt//app", "/opt/./app"),
            ("a", "./a"),
        ] {
            assert!(same_target(one, other), "{one} {other}");
        }
        // What a link says is read by others: a chroot, a backup, a move of both.
        for (one, other) in [("/opt/app", "opt/app"), ("../a", "a"), ("/a/../b", "/b")] {
            assert!(!same_target(one, other), "{one} {other}");
        }
    }
}
