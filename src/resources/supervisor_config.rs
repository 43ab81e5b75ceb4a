//! What supervisor makes of a configuration file (`processes_from_section` in its `options.py`).

use crate::language::Problem;
use crate::path::parent;

/// The processes that a file declares, and the names of its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// Its processes, those that are alike as one.
    pub processes: Vec<Process>,
    /// What supervisor may call the groups that its programs stand in: themselves, and groups of the file's.
    pub groups: Vec<String>,
    /// Programs that its groups take in and that stand in other files.
    pub elsewhere: Vec<String>,
    /// The headers of its sections.
    pub sections: Vec<String>,
    /// The programs by path.
    pub programs: Vec<String>,
    /// Directories in which they work and log.
    pub directories: Vec<String>,
    /// Users as whom they run.
    pub users: Vec<String>,
}

/// A process of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// `group:name` as supervisor calls it, `*` standing for any: a group may be declared in another file.
    pub pattern: String,
    /// Whether it is started with supervisor.
    pub starts: bool,
    /// The statuses with which it may end for good; none if it is always started again.
    pub may_end: Vec<i64>,
    /// Whether supervisor calls it running the moment it is started.
    pub at_once: bool,
}

impl Process {
    /// Whether supervisor's `group:name` is this one.
    pub fn is(&self, name: &str) -> bool {
        let (own, other) = (self.pattern.split_once(':'), name.split_once(':'));
        let (Some(own), Some(other)) = (own, other) else {
            return false;
        };
        let fits = |own: &str, other: &str| own == "*" || own == other;
        fits(own.0, other.0) && fits(own.1, other.1)
    }
}

type Section = (String, Vec<(String, String)>);

/// Python's ConfigParser: `key = value` or `key: value`, lines that begin with a blank go on with the value above,
/// `;` and `#` after a blank begin a comment.
fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        let cut = [" ;", "\t;", " #", "\t#"];
        let end = cut.iter().filter_map(|mark| line.find(mark)).min();
        let line = line[..end.unwrap_or(line.len())].trim_end();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            sections.push((header.0.to_owned(), Vec::new()));
            continue;
        }
        let Some((_, pairs)) = sections.last_mut() else {
            continue;
        };
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = pairs.last_mut() {
                *value += "\n";
                *value += line.trim();
            }
        } else if let Some((key, value)) = line.split_once(['=', ':']) {
            pairs.push((key.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    sections
}

/// Reads a file of supervisor's.
pub(super) fn read(text: &str) -> Declared {
    let sections = sections(text);
    let mut declared = Declared::default();
    let mut taken = Vec::new();
    for (header, pairs) in &sections {
        declared.sections.push(header.clone());
        let Some(group) = header.strip_prefix("group:") else {
            continue;
        };
        declared.groups.push(group.trim().to_owned());
        let programs = pairs.iter().filter(|(key, _)| key == "programs");
        let programs = programs.flat_map(|(_, names)| names.split([',', '\n']));
        let programs = programs.map(|name| name.trim().to_owned());
        taken.extend(programs.filter(|name| !name.is_empty()).map(|name| (name, group)));
    }
    let mut own = Vec::new();
    for (header, pairs) in &sections {
        let Some((kind, program)) = header.split_once(':') else {
            continue;
        };
        if !matches!(kind, "program" | "fcgi-program" | "eventlistener") {
            continue;
        }
        let program = program.trim();
        own.push(program);
        declared.groups.push(program.to_owned());
        for (key, value) in pairs {
            let directory = match key.as_str() {
                "command" => {
                    declared
                        .programs
                        .extend(value.split_whitespace().next().map(str::to_owned));
                    None
                }
                "user" => {
                    declared.users.push(value.clone());
                    None
                }
                "directory" => Some(value.as_str()),
                "stdout_logfile" | "stderr_logfile" => parent(value),
                _ => None,
            };
            declared.directories.extend(directory.map(str::to_owned));
        }
        let groups: Vec<&str> = taken
            .iter()
            .filter(|(name, _)| name == program)
            .map(|(_, group)| *group)
            .collect();
        declared.processes.extend(processes(program, pairs, &groups));
    }
    let elsewhere = taken.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    declared.elsewhere = elsewhere.map(|(name, _)| name.clone()).collect();
    // A program that a group takes in is no group of its own any more.
    declared.groups.extend(declared.elsewhere.iter().cloned());
    declared.groups.sort();
    declared.groups.dedup();
    declared
}

fn processes(program: &str, pairs: &[(String, String)], groups: &[&str]) -> Vec<Process> {
    let value = |name: &str, or: &str| {
        let found = pairs.iter().rev().find(|(key, _)| key == name);
        found.map_or_else(|| or.to_owned(), |(_, value)| value.clone())
    };
    let on = |text: &str| matches!(&*text.to_lowercase(), "true" | "yes" | "on" | "1" | "t" | "y");
    let codes = value("exitcodes", "0");
    let restarts = value("autorestart", "unexpected").to_lowercase();
    let codes = codes.split(',').filter_map(|code| code.trim().parse().ok());
    let process = |pattern: String| Process {
        pattern,
        starts: on(&value("autostart", "true")),
        may_end: if on(&restarts) {
            Vec::new()
        } else {
            codes.clone().collect()
        },
        at_once: value("startsecs", "1") == "0",
    };
    let wanted = value("process_name", "%(program_name)s");
    // What supervisor puts in from elsewhere is not known here.
    let name = |number: i64| {
        let name = wanted.replace("%(program_name)s", program);
        let name = numbered(&name, number);
        if name.contains("%(") { "*".to_owned() } else { name }
    };
    let first: Option<i64> = value("numprocs_start", "0").parse().ok();
    let names: Vec<String> = match (first, value("numprocs", "1").parse::<i64>()) {
        (Some(first), Ok(count)) if count < 10_000 => {
            (first..first.saturating_add(count)).map(name).collect()
        }
        _ => vec!["*".into()],
    };
    // A name that holds the program's is known by itself, in whatever file its group stands.
    let by_itself = wanted.contains("%(program_name)s") && names.iter().all(|name| name != "*");
    let groups: Vec<&str> = match (by_itself, groups.is_empty()) {
        (true, _) => vec!["*"],
        (false, true) => vec![program],
        (false, false) => groups.to_vec(),
    };
    let patterns = groups
        .iter()
        .flat_map(|group| names.iter().map(move |name| format!("{group}:{name}")));
    patterns.map(process).collect()
}

/// No name is longer than this (NAME_MAX), however wide its number is to be.
const WIDEST: usize = 255;

/// Puts `number` in for `%(process_num)d`, `%(process_num)02d`, `%(process_num)s`.
fn numbered(name: &str, number: i64) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("%(process_num)") {
        text += before;
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let width = after[..end].parse().unwrap_or(0).min(WIDEST);
        let zeros = after.starts_with('0');
        text += &match zeros {
            true => format!("{number:0width$}"),
            false => format!("{number:width$}"),
        };
        rest = after.get(end + 1..).unwrap_or_default();
    }
    text + rest
}

/// Whether Python's `glob` of `pattern`, in which `*` stops at a `/`, finds `path`.
pub(super) fn finds(pattern: &str, path: &str) -> bool {
    let (mut parts, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (parts.next(), names.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) if fits(part.as_bytes(), name.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Where a file called `name` is found by the pattern: `/etc/supervisord.d/web.ini` for `/etc/supervisord.d/*.ini`.
pub(super) fn in_place(pattern: &str, name: &str) -> Option<String> {
    if !pattern.contains('*') {
        return None;
    }
    let there = pattern.replacen('*', name, 1);
    (finds(pattern, &there) && !there.contains(['*', '?', '[', '%'])).then_some(there)
}

/// Never exponential in time, whatever the pattern is.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        let taken = match pattern.get(p..).unwrap_or_default() {
            [b'*', ..] => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            [b'?', ..] => Some(1),
            [b'[', rest @ ..] => {
                let end = rest.iter().position(|end| *end == b']');
                end.filter(|end| one_of(&rest[..*end], name[n]))
                    .map(|end| end + 2)
            }
            [own, ..] => (*own == name[n]).then_some(1),
            [] => None,
        };
        match (taken, star) {
            (Some(taken), _) => (p, n) = (p + taken, n + 1),
            // Let the last star swallow one byte more.
            (None, Some((at, swallowed))) => {
                star = Some((at, swallowed + 1));
                (p, n) = (at + 1, swallowed + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// `[a-z_]` and `[!a-z_]`.
fn one_of(set: &[u8], byte: u8) -> bool {
    let (inverted, set) = match set {
        [b'!', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let ranges = set
        .windows(3)
        .any(|three| three[1] == b'-' && (three[0]..=three[2]).contains(&byte));
    (ranges || set.contains(&byte)) != inverted
}

/// supervisor expands `%(…)s` and cuts a value at a ` ;` or ` #`; `%(here)s` it replaces even where the
/// `%` is escaped. Where it shall expand, that is the writer's affair.
pub(super) fn escape(value: &str, expand: bool) -> Result<String, Problem> {
    if value.contains("%(here)s") && !expand {
        return Err(Problem::new(
            "supervisor would replace the `%(here)s` in a value",
            "put it into a file that the program reads, or into a script",
        ));
    }
    if value.contains(" ;") || value.contains(" #") {
        return Err(Problem::new(
            "supervisor would cut a value at its ` ;` or ` #`",
            "put it into a file that the program reads, or into a script",
        ));
    }
    Ok(match expand {
        true => value.to_owned(),
        false => value.replace('%', "%%"),
    })
}

/// supervisor takes what stands between two equal quotes as it is, without escapes, and strips quotes of
/// both sorts from its ends (`dict_of_key_value_pairs` in its `datatypes.py`).
pub(super) fn quote(value: &str) -> Result<String, Problem> {
    let mark = if value.contains('"') { '\'' } else { '"' };
    if value.contains(mark) || value.starts_with(['\'', '"']) || value.ends_with(['\'', '"']) {
        return Err(Problem::new(
            "supervisor cannot pass on a value that has quotes of both sorts, or one at an end",
            "put it into a file that the program reads",
        ));
    }
    Ok(format!("{mark}{value}{mark}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> Vec<String> {
        read(text)
            .processes
            .into_iter()
            .map(|process| process.pattern)
            .collect()
    }

    #[test]
    fn a_program_is_found_in_whatever_group() {
        let declared = read("[program:api]\ncommand=/bin/x\n");
        assert_eq!(declared.groups, ["api"]);
        let [api] = &declared.processes[..] else {
            panic!("{declared:?}")
        };
        assert!(api.is("api:api") && api.is("web:api") && !api.is("api:api_00"));
        assert!(api.starts && !api.at_once);
        assert_eq!(api.may_end, [0]);
    }

    #[test]
    fn several_processes_have_numbered_names() {
        let text = "[program:w]\nnumprocs=2\nnumprocs_start = 1\nprocess_name=%(program_name)s_%(process_num)02d ; two\n";
        assert_eq!(patterns(text), ["*:w_01", "*:w_02"]);
        let text = "[group:g]\nprograms=w,\n  v\n[program:w]\nnumprocs=2\nprocess_name=%(process_num)s\n";
        assert_eq!(patterns(text), ["g:0", "g:1"]);
        let declared = read(text);
        assert_eq!(declared.groups, ["g", "v", "w"]);
        assert_eq!(declared.elsewhere, ["v"]);
        assert_eq!(
            patterns("[program:w]\nnumprocs=%(ENV_N)s\nprocess_name=%(process_num)d\n"),
            ["w:*"]
        );
    }

    #[test]
    fn what_may_end_is_known() {
        let of = |text: &str| read(&format!("[program:w]\n{text}")).processes[0].clone();
        assert_eq!(of("autorestart=true\nexitcodes=0,2").may_end, [] as [i64; 0]);
        assert_eq!(of("autorestart=false\nexitcodes=0, 2").may_end, [0, 2]);
        assert_eq!(of("AutoRestart : unexpected").may_end, [0]);
        assert!(of("startsecs=0").at_once);
        assert!(!of("autostart=no").starts);
    }

    #[test]
    fn an_included_folder_is_known_from_its_pattern() {
        let path = "/etc/supervisor/conf.d/a.conf";
        for pattern in [
            "/etc/supervisor/conf.d/*.conf",
            "/etc/supervisor/*/[a-c].conf",
            "/etc/supervisor/conf.d/?.c*f",
        ] {
            assert!(finds(pattern, path), "{pattern}");
        }
        for pattern in [
            "/etc/supervisor/*.conf",
            "/etc/supervisor/conf.d/*.ini",
            "/etc/supervisor/conf.d/[!a].conf",
        ] {
            assert!(!finds(pattern, path), "{pattern}");
        }
    }

    #[test]
    fn a_number_that_is_too_wide_or_too_large_for_a_name_ends_nothing() {
        let text = "[program:a]\nprocess_name=%(process_num)99999999d\n\
            [program:b]\nprocess_name=x%(process_num)d\nnumprocs=2\nnumprocs_start=9223372036854775807\n";
        assert_eq!(patterns(text)[0].len(), "a:".len() + WIDEST);
    }

    #[test]
    fn a_pattern_with_many_stars_is_soon_decided() {
        let name = "a".repeat(5000);
        assert!(!fits(
            format!("{}b", "a*".repeat(100)).as_bytes(),
            name.as_bytes()
        ));
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*[0-9]x", "a1x1x", true),
            ("[!a]?", "ab", false),
            ("[a", "[a", false),
            ("**", "x", true),
            ("x", "", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn where_a_file_is_read_is_known_from_the_pattern() {
        for (pattern, there) in [
            ("/etc/supervisord.d/*.ini", Some("/etc/supervisord.d/web.ini")),
            ("/srv/programs/*", Some("/srv/programs/web")),
            ("/srv/*/*.conf", None),
            ("/srv/programs.ini", None),
            ("%(ENV_HOME)s/*.ini", None),
        ] {
            assert_eq!(in_place(pattern, "web").as_deref(), there, "{pattern}");
        }
    }

    #[test]
    fn what_supervisor_would_cut_or_strip_is_refused() {
        assert!(escape("a ;b", false).is_err() && escape("a ;b", true).is_err());
        assert!(escape("a %(here)s", false).is_err());
        assert_eq!(escape("50%", false).ok(), Some("50%%".into()));
        assert_eq!(escape("%(ENV_HOME)s", true).ok(), Some("%(ENV_HOME)s".into()));
        assert_eq!(quote("it's, \\ so").ok(), Some("\"it's, \\ so\"".into()));
        assert_eq!(quote(r#"{"a": 1}"#).ok(), Some(r#"'{"a": 1}'"#.into()));
        for value in [r#"it's "x" here"#, "'x", r#"say "x""#] {
            assert!(quote(value).is_err(), "{value}");
        }
    }
}
