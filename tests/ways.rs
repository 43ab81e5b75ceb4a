//! `docs/ssh.md`: the table of ways in, of the lines that begin with `//~` above the tests that prove them.

use std::collections::BTreeMap;
use std::path::Path;

const BEGIN: &str = "<!-- Made by `UPDATE=1 cargo test --test ways`. -->\n";
const END: &str = "<!-- The end of what is made. -->\n";

/// A row: what it is about, what is there, what happens, and the test.
struct Row {
    about: String,
    given: String,
    then: String,
    test: String,
}

/// The rows of one file of tests.
fn rows(text: &str, module: &str) -> Vec<Row> {
    let lines: Vec<&str> = text.lines().collect();
    let mut rows = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(row) = line.strip_prefix("//~ ") else {
            continue;
        };
        let parts: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [about, given, then] = parts[..] else {
            panic!("{module}: not three parts: {row}")
        };
        let name = lines[index..].iter().find_map(|line| {
            let (_, name) = line.split_once("fn ")?;
            Some(name.split('(').next()?.to_owned())
        });
        rows.push(Row {
            about: about.to_owned(),
            given: given.to_owned(),
            then: then.to_owned(),
            test: format!("{module}::{}", name.expect("a test below it")),
        });
    }
    rows
}

fn table() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut about: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for suite in ["ssh", "e2e"] {
        let folder = std::fs::read_dir(root.join(suite)).expect("tests");
        let files = folder.map(|entry| entry.expect("a file").path());
        let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
        files.sort();
        for file in files {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).expect("a file of tests");
            for row in rows(&text, &format!("{suite}::{name}")) {
                about.entry(row.about.clone()).or_default().push(row);
            }
        }
    }
    let mut table = "| | there | then | proved by |\n|---|---|---|---|\n".to_owned();
    for row in about.values().flatten() {
        let Row {
            about,
            given,
            then,
            test,
        } = row;
        table += &format!("| {about} | {given} | {then} | `{test}` |\n");
    }
    table
}

#[test]
fn the_table_of_ways_in_is_that_of_the_tests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ssh.md");
    let text = std::fs::read_to_string(&path).expect("docs/ssh.md");
    let (before, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let fresh = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, fresh).expect("written");
    } else {
        assert!(
            text == fresh,
            "docs/ssh.md is stale: UPDATE=1 cargo test --test ways"
        );
    }
}
