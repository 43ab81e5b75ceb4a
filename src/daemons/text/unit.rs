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

/// The paths that its commands name, the programs themselves among them: as words, within quotes, and as what an option
/// is set to (`--config=/etc/app.conf`).
pub fn command_paths(text: &str) -> impl Iterator<Item = &str> {
    let words = commands(text).flat_map(|command| {
        let parts = command.split(['"', '\'']).enumerate();
        parts.flat_map(|(nth, part)| {
            // What stands in quotes may be one path with spaces, or words for a shell.
            let whole = (nth % 2 == 1 && part.contains(' ')).then_some(part);
            whole.into_iter().chain(part.split_whitespace())
        })
    });
    let words = words.map(|word| word.trim_start_matches(['-', '@', ':', '+', '!']));
    let words = words.map(|word| match word.split_once('=') {
        Some((option, value)) if !option.contains('/') => value,
        _ => word,
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_paths_in_many_ways() {
        for (command, wanted) in [
            (
                "-/usr/bin/app -c /etc/app.conf",
                &["/usr/bin/app", "/etc/app.conf"][..],
            ),
            (
                "/usr/bin/app --config=/etc/app.conf A=/srv/a",
                &["/usr/bin/app", "/etc/app.conf", "/srv/a"],
            ),
            (
                r#"/usr/bin/node "/srv/web 2/server.js""#,
                // The first word of it, too: it may be one for a shell.
                &["/usr/bin/node", "/srv/web 2/server.js", "/srv/web"],
            ),
            (
                "/bin/sh -c 'cd /srv && exec /opt/app -x'",
                &["/bin/sh", "/srv", "/opt/app"],
            ),
            ("/bin/sh -c '/opt/app'", &["/bin/sh", "/opt/app"]),
            ("/bin/app /srv/a=b 50%%", &["/bin/app", "/srv/a=b"]),
        ] {
            let text = format!("[Service]\nExecStart={command}\n");
            assert_eq!(command_paths(&text).collect::<Vec<_>>(), wanted, "{command}");
        }
    }

    #[test]
    fn a_path_has_no_specifiers() {
        let text = "[Service]\nExecStart=/bin/app /srv/%i /srv/5%%\nEnvironmentFile=-/etc/5%%.env\nWorkingDirectory=/srv/1%%%i\n";
        assert_eq!(reads(text), ["/bin/app", "/srv/5%", "/etc/5%.env"]);
        assert!(directories(text).is_empty());
    }
}
