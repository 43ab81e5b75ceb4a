//! Questions → one POSIX sh program that reads and never writes.

use std::fmt::Write;

use super::questions::Questions;
use crate::layout::{self, IS_UNDOING, SAY};
use crate::shell;

/// Old contents are read for a diff only up to this many bytes.
pub(super) const SHOWN: u64 = 128 * 1024;

const PROBE: &str = include_str!("probe.sh");

/// The probe: feed it to `sh -s` on the host.
pub fn script(questions: &Questions) -> String {
    let (functions, probe) = parts(questions);
    format!("{functions}{probe}")
}

/// The same, and `beside` at the same time, whose output follows the probe's.
pub fn script_beside(questions: &Questions, beside: &str) -> String {
    let (functions, probe) = parts(questions);
    format!("{functions}beside() {{\n{beside}\n}}\nbeside </dev/null 2>/dev/null | {{\n{probe}cat\n}}\n")
}

/// What the probe defines, and what it does.
fn parts(questions: &Questions) -> (String, String) {
    let places = layout::variables();
    let mut text = format!("{places}{IS_UNDOING}{SAY}most={SHOWN}\n{PROBE}fast() {{\nsystem\n");
    if !questions.paths.is_empty() {
        let lines: Vec<&str> = questions.paths.iter().map(String::as_str).collect();
        let _ = writeln!(text, "paths {}", lines_in(&lines));
    }
    if questions.compared().next().is_some() {
        let line = |key: &(String, String)| {
            let show = if questions.shows(key) { 'y' } else { 'n' };
            format!("{show} {}  {}", key.1, key.0)
        };
        let lines: Vec<String> = questions.compared().map(line).collect();
        let _ = writeln!(text, "contents {}", lines_in(&lines));
    }
    let hashed: Vec<&str> = questions.hashed().collect();
    if !hashed.is_empty() {
        let _ = writeln!(text, "hashes {}", lines_in(&hashed));
    }
    let mut ask = |name: &str, args: Vec<&String>| {
        if !args.is_empty() {
            let _ = writeln!(text, "{name} {}", shell::words(args));
        }
    };
    for path in &questions.listings {
        ask("listing", vec![path]);
    }
    ask("packages", questions.packages.iter().collect());
    ask("users", questions.users.iter().collect());
    ask("groups", questions.groups.iter().collect());
    ask("units", questions.units.iter().collect());
    for (path, not_into) in &questions.trees {
        let names: Vec<[&str; 2]> = not_into.iter().map(|name| ["-name", name]).collect();
        let names = shell::words(names.join(&"-o"));
        let prune = match not_into.is_empty() {
            true => String::new(),
            false => format!(r" -type d \( {names} \) -prune"),
        };
        let _ = writeln!(text, "tree {}{prune}", shell::quote(path));
    }
    text.push_str("}\n");
    let mut nested = "fast".to_owned();
    for (index, (name, body)) in questions.scripts.iter().enumerate() {
        let _ = writeln!(
            text,
            "q{index}() {{ say script {} \"$(\n{body}\n)\"; }}",
            shell::quote(name)
        );
        // A pipeline runs its stages side by side and `cat` keeps the answers in order: no file is needed.
        nested = format!("q{index} | {{ {nested}; cat; }}");
    }
    let probe = format!("{{ {nested}; }} </dev/null 2>/dev/null\necho @end 0\necho\n");
    (text, probe)
}

/// Lines as a command's input. No line is the end mark: each holds a `/`.
fn lines_in<S: AsRef<str>>(lines: &[S]) -> String {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    format!("<<'@end'\n{}\n@end", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_are_asked_once_and_words_are_quoted() {
        let mut questions = Questions::default();
        questions.path("/etc/a b");
        questions.path("/etc/a b");
        questions.package("nginx");
        questions.script("ufw.rules", "iptables -S");
        let text = script(&questions);
        assert_eq!(text.matches("\n/etc/a b\n").count(), 1, "{text}");
        assert!(text.contains("packages nginx\n"), "{text}");
        assert!(text.contains("{ q0 | { fast; cat; }; } </dev/null"), "{text}");
    }

    #[test]
    fn a_file_that_may_hold_a_secret_is_never_read_back_and_no_hash_of_one_is_sent() {
        let mut questions = Questions::default();
        questions.content("/etc/app.env", "aa", false);
        questions.content("/etc/app.env", "bb", true);
        questions.content("/etc/motd", "cc", true);
        questions.content("/etc/motd", "dd", true);
        let text = script(&questions);
        assert!(text.contains("hashes <<'@end'\n/etc/app.env\n@end\n"), "{text}");
        assert!(!text.contains("aa"), "{text}");
        for line in ["n bb  /etc/app.env", "y cc  /etc/motd", "n dd  /etc/motd"] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
        }
    }
}
