//! systemd's unit files and drop-ins (systemd.exec(5), systemd.socket(5)).

use super::account::{Account, group, user};
use super::socket::Socket;

/// Where unit files stand (systemd.unit(5), "Unit File Load Path").
pub const FOLDERS: [&str; 4] = [
    "/etc/systemd/system/",
    "/usr/local/lib/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
];

/// Whether `path` is where systemd reads of units.
pub fn is_file(path: &str) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Keys and values; an empty value takes back those before it.
fn values<'a>(text: &'a str, wanted: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for line in text.lines() {
        match line.trim().split_once('=') {
            Some((key, value)) if key.trim() == wanted => match value.trim() {
                "" => found.clear(),
                value => found.push(value),
            },
            _ => {}
        }
    }
    found
}

/// Who must be there for the unit to start. A dynamic user is made when it does.
pub(super) fn accounts(text: &str) -> Vec<Account> {
    let is_on = |value: &&str| ["yes", "true", "1", "on"].contains(&value.to_ascii_lowercase().as_str());
    if values(text, "DynamicUser").last().is_some_and(is_on) {
        return Vec::new();
    }
    let last = |key| values(text, key).pop();
    let users = ["User", "SocketUser"]
        .into_iter()
        .filter_map(last)
        .filter_map(user);
    let groups = ["Group", "SocketGroup"].into_iter().filter_map(last);
    let more = values(text, "SupplementaryGroups")
        .into_iter()
        .flat_map(str::split_whitespace);
    users.chain(groups.chain(more).filter_map(group)).collect()
}

/// The command lines that the unit runs.
pub fn commands(text: &str) -> impl Iterator<Item = &str> {
    ["ExecStartPre", "ExecStart"]
        .into_iter()
        .flat_map(|key| values(text, key))
}

/// The paths that its commands name, the programs themselves among them.
pub fn command_paths(text: &str) -> impl Iterator<Item = &str> {
    let words = commands(text).flat_map(str::split_whitespace);
    let words = words.map(|word| word.trim_start_matches(['-', '@', ':', '+', '!']));
    words.filter(|word| word.starts_with('/'))
}

/// What it reads when it starts: the paths that its commands name, and files with its environment.
pub fn reads(text: &str) -> Vec<String> {
    let files = values(text, "EnvironmentFile").into_iter();
    let files = files.map(|path| path.trim_start_matches('-'));
    let paths = command_paths(text).chain(files);
    paths.filter_map(plain).collect()
}

/// A path without what only systemd knows (systemd.unit(5), "Specifiers"): `%%` is `%`.
fn plain(path: &str) -> Option<String> {
    let is_plain = !path.replace("%%", "").contains('%');
    is_plain.then(|| path.replace("%%", "%"))
}

/// Directories that must be there when it starts.
pub fn directories(text: &str) -> Vec<String> {
    let last = values(text, "WorkingDirectory").pop();
    let path = last.map(|path| path.trim_start_matches('-'));
    path.filter(|path| path.starts_with('/'))
        .and_then(plain)
        .into_iter()
        .collect()
}

/// Whether it says what starts it with the host.
pub fn installs(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Install]")
}

/// Where a socket unit listens.
pub(super) fn sockets(text: &str) -> Vec<Socket> {
    let read = |value: &str| match value.parse::<u16>() {
        Ok(port) => vec![Socket::any(port), Socket::any6(port)],
        Err(_) => Socket::read(value),
    };
    values(text, "ListenStream").into_iter().flat_map(read).collect()
}
