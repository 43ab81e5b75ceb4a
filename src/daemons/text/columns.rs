//! Files of lines with columns: crontab(5) with its user, tmpfiles.d(5).

use super::account::{Account, group, user};

/// The users and groups in their columns.
pub(super) fn accounts(path: &str, text: &str) -> Vec<Account> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    if path == "/etc/crontab" || path.starts_with("/etc/cron.d/") {
        return lines.filter_map(in_crontab).collect();
    }
    let is_tmpfiles = path.starts_with("/etc/tmpfiles.d/") && path.ends_with(".conf");
    let lines = lines.filter(|_| is_tmpfiles);
    lines.flat_map(in_tmpfiles).flatten().collect()
}

/// `MINUTE HOUR DAY MONTH WEEKDAY USER COMMAND`, or `@daily USER COMMAND`; else it sets a variable.
fn in_crontab(line: &str) -> Option<Account> {
    let mut words = line.split_whitespace();
    if line.starts_with('@') {
        return user(words.nth(1)?);
    }
    line.starts_with(|c: char| c.is_ascii_digit() || c == '*')
        .then(|| user(words.nth(5)?))?
}

/// `TYPE PATH MODE USER GROUP`; a colon before one says that it is for what is made anew.
fn in_tmpfiles(line: &str) -> [Option<Account>; 2] {
    let mut words = line.split_whitespace().map(|word| word.trim_start_matches(':'));
    let owner = words.nth(3);
    [owner.and_then(user), words.next().and_then(group)]
}
