//! Changes that may take away our own way in, whichever kind makes them.

use crate::change::{Action, Change};

/// The change; if it touches what sshd looks at before it lets somebody in, it is undone unless we still get in.
pub(super) fn kept(change: Change) -> Change {
    let touches = |action: &Action| action.path().is_some_and(lets_in);
    let proves = |action: &Action| matches!(action, Action::ConfirmAccess { .. });
    match change.actions.iter().any(touches) && !change.actions.iter().any(proves) {
        true => change.if_access_stays(),
        false => change,
    }
}

/// A home, `.ssh` and what is in it: sshd takes no key from where others may write (sshd_config(5), StrictModes).
fn lets_in(path: &str) -> bool {
    let below_home = path.strip_prefix("/home/");
    path == "/root"
        || below_home.is_some_and(|name| !name.contains('/'))
        || path.split('/').any(|part| part == ".ssh")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Id, Verb};

    #[test]
    fn what_lets_us_in_is_touched_under_proof() {
        let proven = |path: &str| {
            let change = Change::new(&Id::new("absent", path), Verb::Remove, "x");
            let change = kept(change.action(Action::Remove {
                path: path.into(),
                secret: false,
            }));
            matches!(change.actions.last(), Some(Action::ConfirmAccess { .. }))
        };
        for path in [
            "/root",
            "/home/ann",
            "/root/.ssh",
            "/home/ann/.ssh/authorized_keys",
        ] {
            assert!(proven(path), "{path}");
        }
        for path in ["/root/file", "/home/ann/site", "/srv/root", "/etc/ssh"] {
            assert!(!proven(path), "{path}");
        }
    }
}
