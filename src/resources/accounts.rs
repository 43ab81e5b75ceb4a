//! What users and groups share: their names, their processes, and how what is done with them is undone.

use crate::language::{Problem, Render};
use crate::shell;

/// What undoes what is done with them.
pub(super) const ACCOUNTS: &str = include_str!("accounts.sh");
const PROCESSES: &str = include_str!("accounts_processes.sh");

/// A group of this name is declared.
pub(super) struct DeclaredGroup(pub String);

/// Whether the playbook declares a group of this name.
pub(super) fn has_group(name: &str, cx: &Render<'_>) -> bool {
    cx.announced::<DeclaredGroup>().any(|declared| declared.0 == name)
}

/// Refuses what useradd and groupadd do not take for a name; `what` is `user` or `group`.
pub(super) fn check_name(name: &str, what: &str) -> Result<(), Problem> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || ":,/@".contains(c);
    if name.len() > 32
        || name.starts_with(['-', '+', '~'])
        || name.contains(odd)
        || name.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(Problem::new(
            format!("`{name}` is no name for a {what}"),
            format!(
                "{what}add takes up to 32 characters: letters, digits, `_`, `-` and `.`, and not digits alone"
            ),
        ));
    }
    Ok(())
}

/// Looks for the processes of a user: of any home and number, or where he has others than these.
pub(super) fn processes(name: &str, home: Option<&str>, uid: Option<u32>) -> String {
    let uid = uid.map(|uid| uid.to_string()).unwrap_or_default();
    let words = shell::words(["of_user", name, home.unwrap_or_default(), &uid]);
    format!("{PROCESSES}{words}")
}

/// Looks for processes of the group of this number.
pub(super) fn processes_of_group(group: &str) -> String {
    let group = shell::quote(group);
    format!("{PROCESSES}if getent group {group} >/dev/null; then processes -group {group}; fi")
}
