//! What programs say when they cannot start, in the words of the libraries and languages that they are made with.

/// Why a program did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<'s> {
    /// Somebody has its port; which one, where that is said.
    Port(Option<u16>),
    /// The C library is too old: the version that it wants.
    Glibc(&'s str),
    /// A shared library is missing.
    Library(&'s str),
    /// A module of its language is missing.
    Module(&'s str),
    /// It is for another machine, or no program.
    Format,
    /// Memory ran out.
    Memory,
    /// It may not have something: a path, where that is said.
    Denied(Option<&'s str>),
    /// There is no such file.
    Missing(Option<&'s str>),
    /// It does not take its configuration.
    Setting,
}

/// The last of the lines that says why, and what it means.
pub(super) fn why<'s>(lines: impl DoubleEndedIterator<Item = &'s str>) -> Option<(Said<'s>, &'s str)> {
    let mut lines: Vec<&str> = lines.rev().filter(|line| !line.trim().is_empty()).collect();
    // A line of what supervisord or systemd make of it says less than the program's own.
    let ours = |line: &&str| line.contains("Failed with result") || line.contains("Main process exited");
    lines.sort_by_key(|line| ours(line));
    let exact = lines
        .iter()
        .find_map(|line| exact(line).map(|said| (said, *line)));
    exact.or_else(|| {
        let of = |signs: &[&str]| {
            let has = |line: &&&str| signs.iter().any(|sign| line.to_lowercase().contains(sign));
            lines.iter().find(has)
        };
        let found = of(&SETTINGS).or_else(|| of(&GENERAL));
        found.map(|line| (Said::Setting, *line))
    })
}

fn exact(line: &str) -> Option<Said<'_>> {
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if has(&["Address already in use", "address already in use", "EADDRINUSE"]) {
        return Some(Said::Port(port(line)));
    }
    if line.contains("not found") && has(&["`GLIBC_", "`GLIBCXX_"]) {
        return Some(Said::Glibc(between(line, "`", "'")?));
    }
    if let Some((_, rest)) = line.split_once("error while loading shared libraries: ") {
        return Some(Said::Library(rest.split(':').next().unwrap_or(rest)));
    }
    if has(&["No module named", "Cannot find module", "cannot load such file"]) {
        return Some(Said::Module(quoted(line).unwrap_or(line)));
    }
    if has(&["ENOEXEC", "Exec format error"]) {
        return Some(Said::Format);
    }
    if has(&[
        "MemoryError",
        "Cannot allocate memory",
        "std::bad_alloc",
        "out of memory",
        "Out of memory",
        "memory allocation of",
        "status=9/KILL, oom",
        "result 'oom-kill'",
    ]) {
        return Some(Said::Memory);
    }
    if has(&[
        "Permission denied",
        "EACCES",
        "PermissionError",
        "permission denied",
    ]) {
        return Some(Said::Denied(path(line)));
    }
    if has(&[
        "No such file or directory",
        "ENOENT",
        "FileNotFoundError",
        "no such file or directory",
    ]) {
        return Some(Said::Missing(path(line)));
    }
    None
}

/// What is said of one setting, in small letters.
const SETTINGS: [&str; 11] = [
    "[emerg]",
    "environment variable",
    "missing required",
    "keyerror:",
    "must be set",
    "is not set",
    "unknown directive",
    "unrecognized option",
    "unexpected argument",
    "invalid value",
    "invalid config",
];

/// What is said of all of them.
const GENERAL: [&str; 2] = ["configuration", "config error"];

/// The port of an address in the line: the last `:NUMBER` that is one.
fn port(line: &str) -> Option<u16> {
    let digits = line.split(':').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok().filter(|port| *port > 0)
    });
    digits.last()
}

/// What stands in quotes.
fn quoted(line: &str) -> Option<&str> {
    between(line, "'", "'").or_else(|| between(line, "\"", "\""))
}

fn between<'s>(line: &'s str, before: &str, after: &str) -> Option<&'s str> {
    let (_, rest) = line.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

/// A path that the line names: what stands in quotes, else a word that begins with `/`.
pub(super) fn path(line: &str) -> Option<&str> {
    let inner = quoted(line).filter(|inner| inner.starts_with('/'));
    inner.or_else(|| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(|word| word.trim_end_matches([':', ',', ')', ';']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_is_understood() {
        for (line, said) in [
            ("OSError: [Errno 98] Address already in use", Said::Port(None)),
            (
                "listen tcp 127.0.0.1:8080: bind: address already in use",
                Said::Port(Some(8080)),
            ),
            (
                "Error: listen EADDRINUSE: address already in use :::3000",
                Said::Port(Some(3000)),
            ),
            (
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
                Said::Port(Some(80)),
            ),
            ("Error: Address already in use (os error 98)", Said::Port(None)),
            (
                "/opt/app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /opt/app)",
                Said::Glibc("GLIBC_2.38"),
            ),
            (
                "/opt/app: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory",
                Said::Library("libpq.so.5"),
            ),
            (
                "ModuleNotFoundError: No module named 'flask'",
                Said::Module("flask"),
            ),
            ("Error: Cannot find module 'express'", Said::Module("express")),
            ("supervisor: couldn't exec /opt/arch: ENOEXEC", Said::Format),
            ("MemoryError", Said::Memory),
            ("memory allocation of 2000000000 bytes failed", Said::Memory),
            (
                "supervisor: couldn't exec /opt/run: EACCES",
                Said::Denied(Some("/opt/run")),
            ),
            (
                "PermissionError: [Errno 13] Permission denied: '/srv/data.db'",
                Said::Denied(Some("/srv/data.db")),
            ),
            ("Error: Permission denied (os error 13)", Said::Denied(None)),
            (
                "supervisor: couldn't chdir to /opt/nowhere: ENOENT",
                Said::Missing(Some("/opt/nowhere")),
            ),
            ("KeyError: 'API_KEY'", Said::Setting),
            (
                "nginx: [emerg] unknown directive \"prox_pass\" in /etc/nginx/sites-enabled/a:3",
                Said::Setting,
            ),
        ] {
            assert_eq!(why([line].into_iter()), Some((said, line)), "{line}");
        }
        assert_eq!(why(["hello", "all is well"].into_iter()), None);
    }

    #[test]
    fn the_last_word_counts_and_the_programs_own_before_its_keepers() {
        let lines = [
            "OSError: [Errno 98] Address already in use",
            "ModuleNotFoundError: No module named 'x'",
            "a.service: Failed with result 'exit-code'.",
        ];
        assert_eq!(
            why(lines.into_iter()).map(|(said, _)| said),
            Some(Said::Module("x"))
        );
        let nginx = [
            "nginx: [emerg] unknown directive \"prox_pass\" in /etc/nginx/conf.d/a.conf:3",
            "nginx: configuration file /etc/nginx/nginx.conf test failed",
        ];
        assert_eq!(why(nginx.into_iter()), Some((Said::Setting, nginx[0])));
    }
}
