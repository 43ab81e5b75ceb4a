//! `docs/reference.md`: every section and field of a playbook, from the schema that editors use.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

const HEAD: &str = "\
# Reference

Every section of a playbook and every field, as `hostwright schema` has them. This file is made from that schema:
`UPDATE=1 cargo test --test reference` writes it anew, and the test fails while it is stale.
";

/// The schema that `value` refers to, or itself.
fn target<'a>(value: &'a Value, schema: &'a Value) -> &'a Value {
    let name = value["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or(value, |name| &schema["$defs"][name])
}

/// The schema without the `null` that every optional field takes.
fn present(value: &Value) -> &Value {
    let choices = value["anyOf"].as_array();
    choices
        .and_then(|all| all.iter().find(|one| one["type"] != "null"))
        .unwrap_or(value)
}

fn properties(value: &Value) -> Option<&Map<String, Value>> {
    value["properties"].as_object()
}

/// The name of a definition, as a person reads it.
fn name_of(value: &Value) -> Option<&str> {
    value["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

/// A type in a word or two.
fn kind(value: &Value, schema: &Value) -> String {
    // What is optional may be of several sorts.
    let value = present(present(value));
    if let Some(words) = value["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or("?")))
            .collect();
        return words.join(" or ");
    }
    if value["type"] == "array" {
        return format!("list of {}", kind(&value["items"], schema));
    }
    if value["additionalProperties"].is_object() {
        return format!(
            "mapping of names to {}",
            kind(&value["additionalProperties"], schema)
        );
    }
    match name_of(value) {
        Some(name) if properties(target(value, schema)).is_some() => {
            format!("[{name}](#{})", name.to_lowercase())
        }
        Some(_) if !target(value, schema)["anyOf"].is_null() || !target(value, schema)["oneOf"].is_null() => {
            let choices = target(value, schema);
            let choices = choices["oneOf"].as_array().or(choices["anyOf"].as_array());
            let words = choices
                .into_iter()
                .flatten()
                .filter_map(|one| one["const"].as_str());
            let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
            words.join(" or ")
        }
        Some("Var") => "a value".into(),
        Some(name) => words(name),
        None => value["type"].as_str().unwrap_or("a value").to_owned(),
    }
}

/// The name of a scalar type as words: `LocalPath` is a local path.
fn words(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    match text.as_str() {
        "abs path" => "absolute path".into(),
        "local path" => "path relative to the playbook".into(),
        "flag" => "`true` or `false`".into(),
        "count" => "number".into(),
        _ => text,
    }
}

fn one_line(text: &Value) -> String {
    text.as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

fn table(out: &mut String, object: &Value, schema: &Value) {
    let Some(fields) = properties(object).filter(|fields| !fields.is_empty()) else {
        return;
    };
    let required: Vec<&str> = object["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let _ = writeln!(out, "\n| field | is | meaning |\n|---|---|---|");
    for (name, field) in fields {
        let must = if required.contains(&name.as_str()) {
            ", required"
        } else {
            ""
        };
        let meaning = one_line(&field["description"]);
        assert!(!meaning.is_empty(), "the field `{name}` has no doc comment");
        let _ = writeln!(out, "| `{name}` | {}{must} | {meaning} |", kind(field, schema));
    }
}

/// The declarations that a section's entries are, if it has entries.
fn entry<'a>(section: &'a Value, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
    let inner = target(section, schema);
    let inner = if inner["additionalProperties"].is_object() {
        &inner["additionalProperties"]
    } else {
        section
    };
    (target(inner, schema), name_of(inner))
}

fn reference(schema: &Value) -> String {
    let mut out = String::from(HEAD);
    let sections = properties(schema).expect("sections");
    let mut told = Vec::new();
    for (name, section) in sections {
        let _ = writeln!(out, "\n## {name}\n\n{}", one_line(&section["description"]));
        let (declaration, of) = entry(section, schema);
        told.extend(of);
        if of.is_some() {
            let more = one_line(&declaration["description"]);
            if more != one_line(&section["description"]) && !more.is_empty() {
                let _ = writeln!(out, "{more}");
            }
        }
        table(&mut out, declaration, schema);
    }
    for (name, value) in schema["$defs"].as_object().expect("definitions") {
        if properties(value).is_some() && !told.contains(&name.as_str()) {
            let _ = writeln!(out, "\n## {name}\n\n{}", one_line(&value["description"]));
            table(&mut out, value, schema);
        }
    }
    out
}

#[test]
fn the_reference_says_what_the_schema_says() {
    let schema = serde_json::to_value(hostwright::playbook::schema()).expect("JSON");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let wanted = reference(&schema);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == wanted,
        "docs/reference.md is stale: UPDATE=1 cargo test --test reference"
    );
}

/// What the YAML and Rust files below a folder say.
fn texts(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let text = |path: std::path::PathBuf| {
        let is_text = path.extension().is_some_and(|end| end == "yml" || end == "rs");
        match path.is_dir() {
            true => texts(&path),
            false if is_text => std::fs::read_to_string(&path).expect("read"),
            false => String::new(),
        }
    };
    paths.map(text).collect()
}

/// Each field stands in a playbook that some test plans or applies.
#[test]
fn no_field_is_untested() {
    let schema = serde_json::to_value(hostwright::playbook::schema()).expect("JSON");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = texts(&root.join("tests")) + &texts(&root.join("playbooks"));
    let mut words = std::collections::BTreeSet::new();
    for (at, _) in said.match_indices(':') {
        let before = said[..at].trim_end_matches(['"', '\'']);
        words.insert(
            before
                .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next(),
        );
    }
    let definitions = schema["$defs"].as_object().expect("definitions");
    let fields = definitions
        .values()
        .chain([&schema])
        .filter_map(properties)
        .flat_map(Map::keys);
    let untested: Vec<&String> = fields
        .filter(|name| !words.contains(&Some(name.as_str())))
        .collect();
    assert!(untested.is_empty(), "no test says {untested:?}");
}

/// The first playbook of `docs/binaries.md`, with the files that it names.
#[test]
fn the_page_of_binaries_shows_what_can_be_meant() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/binaries.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["shop/Cargo.toml", "run/dist/tool", "run/conf/tool.toml"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "").expect("written");
    }
    let playbook = folder.path().join("run/playbook.yml");
    std::fs::write(
        &playbook,
        format!("name: shown\n{}", example.expect("an example")),
    )
    .expect("written");
    let loaded = hostwright::playbook::load::load(&playbook, &Default::default());
    let rendered =
        hostwright::playbook::render::render(&loaded.expect("a playbook"), None).expect("it is right");
    assert_eq!(rendered.programs.len(), 4);
}

/// The causes that a text names in `mark`s: `family.cause`.
fn causes(text: &str, mark: char) -> std::collections::BTreeSet<String> {
    let families = [
        "backup",
        "certificate",
        "clock",
        "cron",
        "disk",
        "dpkg",
        "exchange",
        "logrotate",
        "mcp",
        "memory",
        "program",
        "site",
        "slow",
        "ssh",
        "supervisor",
        "unit",
    ];
    let is_cause = |word: &&str| {
        word.split_once('.').is_some_and(|(family, cause)| {
            let plain = |c: char| c == '-' || c.is_ascii_lowercase();
            families.contains(&family) && !cause.is_empty() && cause.chars().all(plain)
        })
    };
    text.split(mark).filter(is_cause).map(str::to_owned).collect()
}

#[test]
fn every_cause_that_doctor_finds_is_in_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = std::fs::read_dir(root.join("src/operations/doctor")).expect("a folder");
    let mut found = std::collections::BTreeSet::new();
    for path in sources.map(|entry| entry.expect("an entry").path()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.extend(causes(&std::fs::read_to_string(&path).expect("a source"), '"'));
        }
    }
    let mut told = causes(
        &std::fs::read_to_string(root.join("docs/doctor.md")).expect("a page"),
        '`',
    );
    // It is no cause.
    found.remove("supervisor.service");
    told.remove("supervisor.service");
    assert!(found.len() > 60, "{found:?}");
    assert_eq!(found, told);
}
