//! What users and groups share: their names, their processes, and how what is done with them is undone.

use crate::desired::Context;
use crate::language::scalar::Count;
use crate::language::{Problem, Render};
use crate::shell;

/// What undoes what is done with them.
pub(super) const ACCOUNTS: &str = include_str!("accounts.sh");
const PROCESSES: &str = include_str!("accounts_processes.sh");
/// So many processes are named.
const NAMED: usize = 5;

/// A group of this name is declared.
pub(super) struct DeclaredGroup(pub String);

/// Whether the playbook declares a group of this name.
pub(super) fn has_group(name: &str, cx: &Render<'_>) -> bool {
    cx.announced::<DeclaredGroup>().any(|declared| declared.0 == name)
}

/// A user or group of this number is declared.
pub(super) struct Numbered {
    what: &'static str,
    name: String,
    number: u32,
}

/// Says that the `what` (`user` or `group`) called `name` shall have this number.
pub(super) fn announce_number(what: &'static str, name: &str, number: Option<&Count>, cx: &mut Render<'_>) {
    if let Some(number) = number {
        cx.announce(Numbered {
            what,
            name: name.to_owned(),
            number: number.0,
        });
    }
}

/// Refuses one number for two.
pub(super) fn check_number(
    what: &str,
    name: &str,
    number: Option<&Count>,
    cx: &Render<'_>,
) -> Result<(), Problem> {
    let same = |other: &&Numbered| {
        other.what == what && other.name != name && number.is_some_and(|number| number.0 == other.number)
    };
    match cx.announced::<Numbered>().find(same) {
        None => Ok(()),
        Some(Numbered {
            name: other, number, ..
        }) => Err(Problem::new(
            format!("the number {number} is that of the {what} {other}, too"),
            format!("give each another one: two {what}s of one number are one {what}"),
        )),
    }
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

/// Looks for any process of a user.
pub(super) fn any_process(name: &str) -> String {
    // No user's number is that.
    processes(name, None, Some(u32::MAX))
}

/// Those of the processes that were found which nothing in this plan may end before, in words; nothing where there are none.
pub(super) fn running(found: &str, cx: &Context<'_>) -> Option<String> {
    let stays = |line: &&str| !line.split_once(") of ").is_some_and(|(_, unit)| cx.ends(unit));
    let lines: Vec<&str> = found.lines().filter(stays).collect();
    let more = match lines.len() {
        0 => return None,
        few if few <= NAMED => String::new(),
        many => format!(" and {} more", many - NAMED),
    };
    Some(lines[..lines.len().min(NAMED)].join(", ") + &more)
}

/// Looks for processes of the group of this number.
pub(super) fn processes_of_group(group: &str) -> String {
    let group = shell::quote(group);
    format!("{PROCESSES}if getent group {group} >/dev/null; then processes -group {group}; fi")
}
