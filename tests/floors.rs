//! The house stands on floors: `src/lib.rs` lists its modules from the top down, a module imports only from below,
//! and no file imports, by way of others, itself. What decides is pure: it reads no disk and no clock, and waits for
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A line of a file that imports from another one.
#[derive(Debug)]
struct Arrow {
    from: String,
    line: usize,
    to: String,
}

/// The modules of a source tree: their paths (`host::ssh`) and files.
fn modules(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .with_extension("");
                let names = below.iter().map(|name| name.to_string_lossy().into_owned());
                let mut names: Vec<String> = names.collect();
                if names.last().is_some_and(|name| name == "mod") {
                    names.pop();
                }
                found.insert(names.join("::"), path);
            }
        }
    }
    found
}

/// What a file imports before its tests, each with its line: `use` statements (one that goes over several lines is
/// joined), and paths that stand in the code itself.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line == "#[cfg(test)]" {
            break;
        }
        if let Some((_, statement)) = &mut open {
            statement.push_str(line);
        } else if line.starts_with("//") {
            continue;
        } else if let Some((before, path)) = line.split_once("use ")
            && (before.is_empty() || before.starts_with("pub"))
        {
            open = Some((index + 1, path.to_owned()));
        } else {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let paths = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
            found.extend(paths.map(|path| (index + 1, path.to_owned())));
        }
        if line.ends_with(';') {
            found.extend(open.take());
        }
    }
    found
}

/// The paths that a `use` statement names: `a::{b, c::d};` → `a::b`, `a::c::d`.
fn paths(statement: &str) -> Vec<String> {
    let statement = statement.trim_end_matches(';');
    let Some((before, inner)) = statement.split_once('{') else {
        return vec![
            statement
                .split(" as ")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        ];
    };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let whole = |part: &str| paths(&format!("{before}{}", part.trim()));
    parts
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .flat_map(whole)
        .collect()
}

/// The module that `path`, used in the module `from`, stands in.
fn resolve(path: &str, from: &str, modules: &BTreeMap<String, PathBuf>) -> Option<String> {
    let mut names: Vec<&str> = path.split("::").filter(|name| *name != "self").collect();
    let mut base: Vec<&str> = from.split("::").filter(|name| !name.is_empty()).collect();
    match names.first().copied()? {
        "crate" => {
            base.clear();
            names.remove(0);
        }
        "super" => {
            while names.first() == Some(&"super") {
                base.pop();
                names.remove(0);
            }
        }
        // A child module, or a crate from elsewhere.
        first => {
            base.push(first);
            if !modules.contains_key(&base.join("::")) {
                return None;
            }
            base.pop();
        }
    }
    base.extend(names);
    while !base.is_empty() && !modules.contains_key(&base.join("::")) {
        base.pop();
    }
    (!base.is_empty()).then(|| base.join("::"))
}

fn arrows(modules: &BTreeMap<String, PathBuf>) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for (module, file) in modules {
        if module == "main" || module == "lib" || module.ends_with("tests") {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a source file");
        for (line, statement) in imports(&text) {
            for path in paths(&statement) {
                if let Some(to) = resolve(&path, module, modules).filter(|to| to != module) {
                    arrows.push(Arrow {
                        from: module.clone(),
                        line,
                        to,
                    });
                }
            }
        }
    }
    arrows
}

/// The modules in the order in which `lib.rs` lists them.
fn floors(lib: &str) -> Vec<&str> {
    let names = lib.lines().filter_map(|line| {
        let module = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
        module.strip_suffix(';')
    });
    names.collect()
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// One of the circles that go through `start`, as its modules.
fn circle(start: &str, to: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in to.get(way[way.len() - 1]).into_iter().flatten() {
                if *next == start {
                    return Some(way.iter().map(|name| (*name).to_owned()).collect());
                }
                if seen.insert(*next) {
                    longer.push([way.as_slice(), &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// Rooms and files that are pure, but for those that stand behind them.
const PURE: [(&str, &[&str]); 23] = [
    ("change", &[]),
    ("checks", &["here", "knock"]),
    ("daemons", &[]),
    ("desired", &[]),
    ("facts", &[]),
    ("language", &["source", "tree"]),
    ("layout", &[]),
    ("managed", &[]),
    ("operations::artifact::archive", &[]),
    ("operations::doctor", &["ask", "way"]),
    ("path", &[]),
    ("plan", &[]),
    ("playbook", &["age", "load", "secrets"]),
    // What goes on on a terminal has a clock.
    ("report", &["text::progress"]),
    ("resources", &[]),
    ("secret", &[]),
    ("shell", &[]),
    ("transaction::compile", &[]),
    ("transaction::delta", &[]),
    ("transaction::event", &[]),
    ("transaction::journal", &[]),
    ("transaction::offer", &[]),
    ("transaction::stage", &[]),
];

/// What a pure file does not name.
const IMPURE: [&str; 10] = [
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "reqwest",
    "russh",
    "tokio",
];

fn is_pure(module: &str) -> bool {
    PURE.iter().any(|(room, but)| match module.strip_prefix(room) {
        Some("") => true,
        Some(rest) => rest.strip_prefix("::").is_some_and(|rest| !but.contains(&rest)),
        None => false,
    })
}

/// What pure files name and should not, each with its line.
fn impure(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, file) in modules(root) {
        if !is_pure(&module) || module.ends_with("tests") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut named: Vec<(usize, String)> = Vec::new();
        for (line, statement) in imports(code) {
            named.extend(paths(&statement).into_iter().map(|path| (line, path)));
        }
        for (index, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            named.extend(words.map(|word| (index + 1, word.to_owned())));
        }
        let found = named
            .iter()
            .filter(|(_, path)| IMPURE.iter().any(|name| path.starts_with(name)));
        let found: BTreeSet<String> = found
            .map(|(line, path)| format!("{}:{line}: {path}", file.display()))
            .collect();
        wrong.extend(found);
    }
    wrong
}

fn wrong(root: &Path) -> Vec<String> {
    let modules = modules(root);
    let arrows = arrows(&modules);
    let lib = std::fs::read_to_string(root.join("lib.rs")).expect("lib.rs");
    let floors = floors(&lib);
    let floor = |module: &str| floors.iter().position(|floor| *floor == room(module));
    let up = arrows
        .iter()
        .filter(|arrow| floor(&arrow.to) < floor(&arrow.from));
    let place = |arrow: &Arrow| format!("{}:{}", modules[&arrow.from].display(), arrow.line);
    let mut wrong: Vec<String> = up
        .map(|arrow| format!("{}: {} lies above {}", place(arrow), arrow.to, room(&arrow.from)))
        .collect();
    let mut to: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in &arrows {
        to.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let mut told = BTreeSet::new();
    for module in modules.keys() {
        if let Some(circle) =
            circle(module, &to).filter(|circle| !circle.iter().any(|name| told.contains(name)))
        {
            let next = circle.get(1).unwrap_or(&circle[0]);
            let line = arrows
                .iter()
                .find(|arrow| arrow.from == *module && arrow.to == *next);
            wrong.push(format!(
                "{}: a circle: {}",
                line.map_or(String::new(), place),
                circle.join(" → ")
            ));
            told.extend(circle);
        }
    }
    wrong
}

#[test]
fn every_import_leads_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let wrong = wrong(&root);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_is_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, but) in PURE {
        let modules = modules(&root);
        for name in std::iter::once(room.to_owned()).chain(but.iter().map(|name| format!("{room}::{name}"))) {
            assert!(modules.contains_key(&name), "there is no {name}");
        }
    }
    let impure = impure(&root);
    assert!(impure.is_empty(), "{}", impure.join("\n"));
}

#[test]
fn what_a_pure_file_may_not_name_is_told_with_its_line() {
    let house = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(house.path().join("plan")).expect("a folder");
    std::fs::create_dir(house.path().join("language")).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(house.path().join(name), text).expect("a file");
    write(
        "plan/mod.rs",
        "// std::fs\nuse std::{\n    fmt,\n    time::{Duration, Instant},\n};\nlet x = std::env::var(\"X\");\n#[cfg(test)]\nuse std::fs;\n",
    );
    write("language/source.rs", "use std::fs;\n");
    write("language/scope.rs", "use tokio::fs::read;\n");
    let impure: Vec<String> = impure(house.path())
        .into_iter()
        .map(|line| line.replace(&format!("{}/", house.path().display()), ""))
        .collect();
    assert_eq!(
        impure,
        [
            "language/scope.rs:1: tokio::fs::read",
            "plan/mod.rs:2: std::time::Instant",
            "plan/mod.rs:6: std::env::var",
        ]
    );
}

#[test]
fn an_import_that_leads_up_or_around_is_told_with_its_line() {
    let house = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = house.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("lib.rs", "//! Top-down.\npub mod top;\npub mod low;\n");
    write("top.rs", "use crate::low::{\n    one::One,\n    Low,\n};\n");
    write(
        "low/mod.rs",
        "pub mod one;\npub mod two;\n\nuse std::fmt;\nuse crate::top::Top;\n",
    );
    write(
        "low/one.rs",
        "use super::two::Two;\n#[cfg(test)]\nmod tests {\n    use crate::top::Top;\n}\n",
    );
    write("low/two.rs", "// why\npub(super) use super::one::One;\n");
    let wrong: Vec<String> = wrong(house.path())
        .into_iter()
        .map(|line| line.replace(&format!("{}/", house.path().display()), ""))
        .collect();
    assert_eq!(
        wrong,
        [
            "low/mod.rs:5: top lies above low",
            "low/mod.rs:5: a circle: low → top",
            "low/one.rs:1: a circle: low::one → low::two",
        ]
    );
}

/// The names that a piece of sh assigns (`name=`, `for name`).
fn assigned(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for word in line.split([' ', '\t', ';', '(']) {
            if let Some((name, _)) = word.split_once('=')
                && !name.is_empty()
                && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            {
                names.insert(name);
            }
        }
        if let Some((_, rest)) = line.split_once("for ") {
            names.extend(rest.split([' ', ';']).next().filter(|name| *name != "my"));
        }
    }
    names
}

/// sh has one room for all names: what a step remembers over a call of `daemon` or `put` is not theirs to change. (A
/// reload of nginx was once measured from a line of its log that `daemon` had forgotten.)
#[test]
fn a_step_shares_no_name_with_what_it_calls() {
    let prelude = std::fs::read_to_string("src/transaction/prelude.sh").expect("the prelude");
    let reserved = assigned(&prelude);
    assert!(reserved.contains("keeping") && reserved.contains("outcome"));
    let steps = ["src/daemons", "src/resources"].map(|folder| std::fs::read_dir(folder).expect(folder));
    for path in steps
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
    {
        if path.extension().is_some_and(|extension| extension == "sh") {
            let text = std::fs::read_to_string(&path).expect("sh");
            let shared: Vec<_> = assigned(&text).intersection(&reserved).copied().collect();
            assert!(
                shared.is_empty(),
                "{}: {shared:?} are also names of prelude.sh",
                path.display()
            );
        }
    }
}
