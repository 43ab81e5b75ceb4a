//! logrotate's files (logrotate(8)): which logs they rotate, and for whom.

use super::account::{Account, group, user};

/// What all others are read from.
const MAIN: &str = "/etc/logrotate.conf";

/// Prints what of logrotate's files names a log, `@PATH` before each file's lines and their numbers before them.
pub const ASK: &str = r#"for file in /etc/logrotate.conf /etc/logrotate.d/*; do
  [ -f "$file" ] || continue
  echo "@$file"
  awk '/^[ \t]*endscript/ { script = 0 }
    !script && /^[ \t]*["'\''\/]|[{}]|^[ \t]*ignoreduplicates/ { print FNR " " $0 }
    /^[ \t]*((pre|post)rotate|(first|last|pre)action|preremove)/ { script = 1 }' "$file"
done"#;

/// logrotate.conf(5), `tabooext`.
const TABOO: [&str; 17] = [
    "~",
    ",v",
    ".bak",
    ".cfsaved",
    ".disabled",
    ".dpkg-bak",
    ".dpkg-del",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-tmp",
    ".rpmnew",
    ".rpmorig",
    ".rpmsave",
    ".swp",
    ".ucf-dist",
    ".ucf-old",
];

/// Whether logrotate reads a file of this name.
pub fn is_name(name: &str) -> bool {
    !TABOO.iter().any(|end| name.ends_with(end))
}

/// Whether logrotate reads the file at `path`.
pub fn is_file(path: &str) -> bool {
    path == MAIN || path.strip_prefix("/etc/logrotate.d/").is_some_and(is_name)
}

/// What a line is about, outside of scripts: its number, its text without a comment, and whether it stands inside of braces.
fn lines<'a>(numbered: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, &'a str, bool)> {
    let (mut inside, mut script) = (false, false);
    let mut found = Vec::new();
    for (number, line) in numbered {
        let line = line.split('#').next().unwrap_or_default().trim();
        let word = line.split_whitespace().next().unwrap_or_default();
        if script {
            script = word != "endscript";
            continue;
        }
        script = matches!(
            word,
            "prerotate" | "postrotate" | "firstaction" | "lastaction" | "preremove" | "preaction"
        );
        found.push((number, line, inside));
        inside = (inside || line.contains('{')) && !line.contains('}');
    }
    found
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Who must be there: without one of them logrotate takes nothing of the file.
pub(super) fn accounts(text: &str) -> Vec<Account> {
    let mut found = Vec::new();
    for (_, line, _) in lines(numbered(text)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((&("create" | "createolddir" | "su"), owner)) = words.split_first() else {
            continue;
        };
        // The mode comes first, and may be missing.
        let is_mode = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        let owner: Vec<&&str> = owner
            .iter()
            .skip_while(|word| words[0] != "su" && is_mode(word))
            .collect();
        found.extend(owner.first().and_then(|name| user(name)));
        found.extend(owner.get(1).and_then(|name| group(name)));
    }
    found
}

/// A log, or a pattern of logs, and the line that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The path, with `*`, `?` and `[…]` as glob(7) reads them.
    pub pattern: String,
    /// Its line.
    pub line: usize,
}

/// The logs that a text rotates.
pub fn logs(text: &str) -> Vec<Log> {
    logs_of(lines(numbered(text)))
}

/// The same of lines that bear their numbers, as [`ASK`] prints them.
pub fn logs_of_numbered(text: &str) -> Vec<Log> {
    let numbered = text.lines().filter_map(|line| {
        let (number, line) = line.split_once(' ')?;
        Some((number.parse().ok()?, line))
    });
    logs_of(lines(numbered))
}

fn logs_of(lines: Vec<(usize, &str, bool)>) -> Vec<Log> {
    let outside = lines.into_iter().filter(|(_, _, inside)| !inside);
    let named = outside.filter(|(_, line, _)| line.starts_with(['/', '"', '\'']));
    named
        .flat_map(|(line, text, _)| {
            let text = text.split('{').next().unwrap_or_default();
            words(text).into_iter().map(move |pattern| Log { pattern, line })
        })
        .collect()
}

/// Words, which quotes may hold together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// Whether there is a path that both patterns stand for.
pub fn meet(one: &str, other: &str) -> bool {
    overlap(&pieces(one), &pieces(other))
}

/// One character of a path, or what stands for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// This one.
    One(char),
    /// Any, and none that parts directories.
    Any,
    /// As many as you like of those.
    Many,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' => Piece::Many,
            '?' => Piece::Any,
            // Which of them it is does not matter: better one word too many than a log that nobody rotates.
            '[' if rest.as_str().contains(']') => {
                rest.by_ref().find(|c| *c == ']');
                Piece::Any
            }
            c => Piece::One(c),
        });
    }
    pieces
}

/// No path is longer (PATH_MAX), so no longer pattern names a log.
const LONGEST: usize = 4096;

/// Whether some path fits both. Each rest of the one against each rest of the other is looked at once, from their ends.
fn overlap(one: &[Piece], other: &[Piece]) -> bool {
    if one.len().max(other.len()) > LONGEST {
        return false;
    }
    let within = |piece: Option<&Piece>| piece.is_some_and(|piece| *piece != Piece::One('/'));
    let mut below = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            row[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(Piece::Many), piece) => below[j] || (within(piece) && row[j + 1]),
                (piece, Some(Piece::Many)) => row[j + 1] || (within(piece) && below[j]),
                (Some(a), Some(b)) => same(a, b) && below[j + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

/// Whether some character fits both.
fn same(a: &Piece, b: &Piece) -> bool {
    match (a, b) {
        (Piece::One(a), Piece::One(b)) => a == b,
        (Piece::One(c), _) | (_, Piece::One(c)) => *c != '/',
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_found_with_their_lines() {
        let text = "weekly\n# /no\n\"/var/log/with space.log\" /var/log/a/*.log {\n  daily\n  postrotate\n    /bin/x {\n  endscript\n}\n/b\n/c{\n}\n";
        let found: Vec<(String, usize)> = logs(text)
            .into_iter()
            .map(|log| (log.pattern, log.line))
            .collect();
        let wanted = [
            ("/var/log/with space.log", 3),
            ("/var/log/a/*.log", 3),
            ("/b", 9),
            ("/c", 10),
        ];
        assert_eq!(found, wanted.map(|(pattern, line)| (pattern.to_owned(), line)));
    }

    #[test]
    fn patterns_that_stand_for_one_log() {
        for (one, other, wanted) in [
            ("/var/log/nginx/*.log", "/var/log/nginx/api.access.log", true),
            ("/var/log/ng*/api.*", "/var/log/nginx/*.log", true),
            ("/var/log/*.log", "/var/log/nginx/a.log", false),
            ("/var/log/a?.log", "/var/log/ab.log", true),
            ("/var/log/[ab].log", "/var/log/b.log", true),
            ("/var/log/a.log", "/var/log/b.log", false),
            ("/var/log/a", "/var/log/a.log", false),
        ] {
            assert_eq!(meet(one, other), wanted, "{one} {other}");
            assert_eq!(meet(other, one), wanted, "{other} {one}");
        }
    }

    #[test]
    fn patterns_with_many_stars_are_soon_compared() {
        let overlap = |one: &str, other: &str| super::overlap(&pieces(one), &pieces(other));
        let stars = format!("/{}b", "a*".repeat(200));
        assert!(!overlap(&stars, &format!("/{}c", "a*".repeat(200))));
        assert!(overlap(&stars, "/*"));
        assert!(!overlap(&stars, "/*/b"));
        assert!(!overlap(&"*".repeat(LONGEST + 1), "x"));
        for (one, other, expected) in [
            ("/a/*.log", "/a/b*", true),
            ("/a/*.log", "/a/b.log", true),
            ("/a/*.log", "/a/b/c.log", false),
            ("/a?", "/a/", false),
            ("*", "", true),
            ("", "", true),
            ("a", "", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
