//! The house stands on floors: `src/lib.rs` lists its modules from the top down, and a module uses only what stands
//! below it; inside a module no file uses, by way of others, itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A line of one file that uses another.
struct Arrow {
    line: usize,
    to: String,
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's module: `http::app`. What a folder's `mod.rs` holds is the folder's.
fn module(root: &Path, file: &Path) -> String {
    let below = file
        .strip_prefix(root)
        .expect("below the root")
        .with_extension("");
    let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
    names.join("::").trim_end_matches("::mod").to_owned()
}

/// The paths that begin with `crate::` or `super::` in a file before its tests, those in braces one by one.
fn used(text: &str) -> Vec<(usize, String)> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let (before, rest) = (&text[..at], &text[at..]);
            let line = before.matches('\n').count() + 1;
            let is_comment = before
                .lines()
                .last()
                .is_some_and(|line| line.trim_start().starts_with("//"));
            if is_comment || before.ends_with(|c: char| c.is_alphanumeric() || "_:(".contains(c)) {
                continue;
            }
            match rest.strip_prefix(start).and_then(|rest| rest.strip_prefix('{')) {
                Some(list) => {
                    // Also of lists in the list, and of names that are given others.
                    let list = list.split(';').next().unwrap_or_default();
                    let names = list
                        .split(['{', '}', ','])
                        .filter_map(|name| name.split_whitespace().next());
                    found.extend(names.map(|name| (line, format!("{start}{name}"))));
                }
                None => {
                    let end = rest.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
                    found.push((line, rest[..end.unwrap_or(rest.len())].to_owned()));
                }
            }
        }
    }
    found
}

/// Where a path leads: the longest part of it that is a module.
fn led(path: &str, from: &str, all: &BTreeSet<String>) -> Option<String> {
    let mut names: Vec<&str> = match path.strip_prefix("crate::") {
        Some(path) => path.split("::").collect(),
        None => {
            let mut base: Vec<&str> = from.split("::").collect();
            base.pop();
            let rest = path.trim_start_matches("super::").split("::");
            base.into_iter().chain(rest).collect()
        }
    };
    while !names.is_empty() {
        let module = names.join("::");
        if all.contains(&module) {
            return Some(module);
        }
        names.pop();
    }
    None
}

/// What is wrong with a house, each with its file and line.
fn wrong(root: &Path) -> Vec<String> {
    let lib = std::fs::read_to_string(root.join("lib.rs")).expect("lib.rs");
    let listed = lib.lines().filter_map(|line| {
        line.trim_start_matches("pub ")
            .strip_prefix("mod ")?
            .strip_suffix(';')
    });
    let floors: Vec<&str> = listed.collect();
    let files: Vec<PathBuf> = files(root)
        .into_iter()
        .filter(|file| !file.ends_with("lib.rs") && !file.ends_with("main.rs"))
        .collect();
    let all: BTreeSet<String> = files.iter().map(|file| module(root, file)).collect();
    let mut wrong = Vec::new();
    let mut arrows: BTreeMap<String, Vec<Arrow>> = BTreeMap::new();
    for file in &files {
        let (from, text) = (
            module(root, file),
            std::fs::read_to_string(file).expect("a source file"),
        );
        let top = |module: &str| {
            let first = module.split("::").next().unwrap_or(module).to_owned();
            floors.iter().position(|floor| *floor == first)
        };
        let place = file.strip_prefix(root).expect("below the root").display();
        if top(&from).is_none() {
            wrong.push(format!("{place}: lib.rs does not list it"));
        }
        for (line, path) in used(&text) {
            let Some(to) = led(&path, &from, &all).filter(|to| *to != from) else {
                continue;
            };
            if top(&to) < top(&from) {
                wrong.push(format!("{place}:{line}: {to} stands above {from}"));
            }
            // A folder's own file speaks for the folder, and what it declares is for all that stands in it.
            if !from.starts_with(&format!("{to}::")) {
                arrows.entry(from.clone()).or_default().push(Arrow { line, to });
            }
        }
    }
    for from in arrows.keys() {
        if let Some(line) = circle(from, &arrows) {
            wrong.push(format!("{from}, line {line}: begins a circle"));
        }
    }
    wrong
}

/// The line of a file that leads back to it, by way of others.
fn circle(start: &str, arrows: &BTreeMap<String, Vec<Arrow>>) -> Option<usize> {
    arrows.get(start)?.iter().find_map(|first| {
        let (mut open, mut seen) = (vec![first.to.as_str()], BTreeSet::new());
        while let Some(module) = open.pop() {
            if module == start {
                return Some(first.line);
            }
            if seen.insert(module) {
                open.extend(
                    arrows
                        .get(module)
                        .into_iter()
                        .flatten()
                        .map(|arrow| arrow.to.as_str()),
                );
            }
        }
        None
    })
}

#[test]
fn a_module_uses_only_what_stands_below_it() {
    let wrong = wrong(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_leads_up_or_around_is_told_with_its_line() {
    let house = std::env::temp_dir().join(format!("floors-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = house.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("lib.rs", "//! Top-down.\n\npub mod top;\n\nmod low;\n");
    write("top.rs", "use crate::low::{\n    one::One,\n    Low,\n};\n");
    write(
        "low/mod.rs",
        "mod one;\nmod two;\n\npub fn low() -> crate::top::Top {}\n",
    );
    write(
        "low/one.rs",
        "use super::two::Two;\nuse super::Low;\n#[cfg(test)]\nmod tests {\n    use crate::top::Top;\n}\n",
    );
    write(
        "low/two.rs",
        "// use crate::top::Top;\nuse super::one::One;\nuse crate::{low::{self, two}, top as _};\n",
    );
    let wrong = wrong(&house);
    std::fs::remove_dir_all(&house).expect("removed");
    assert_eq!(
        wrong,
        [
            "low/mod.rs:4: top stands above low",
            "low/two.rs:3: top stands above low::two",
            "low, line 4: begins a circle",
            "low::one, line 1: begins a circle",
            "low::two, line 2: begins a circle",
            "top, line 1: begins a circle",
        ]
    );
}
