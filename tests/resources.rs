//! The kinds, without a host: each file `tests/resources/SECTION/CASE.yml` is a piece of a playbook and a host that is
//! described, at several moments. The plan of each moment, or why there is none, stands in the snapshot beside it.
//! `tests/resources/README.md` says how to write one.

#[path = "resources/elf.rs"]
mod elf;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hostwright::change::Content;
use hostwright::change::{Action, Change};
use hostwright::desired::Desired;
use hostwright::facts::{Described, Remains};
use hostwright::language::parse::from_str;
use hostwright::language::program::{Origin, Program};
use hostwright::language::render::Artifacts;
use hostwright::language::tree::Node;
use hostwright::plan::{Plan, plan};
use hostwright::playbook::load::{Overrides, load};
use hostwright::playbook::render::{render, render_without};
use hostwright::shell;
use hostwright::transaction::compile::OnFailure;
use indexmap::IndexMap;
use miette::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// A piece of a playbook; its name is `app` unless it has one.
    playbook: String,
    /// Files beside the playbook.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Compiled programs beside the playbook: what a linker would say of them.
    #[serde(default)]
    programs: BTreeMap<String, Needs>,
    /// What is otherwise than on a bare host (`host.yml`).
    #[serde(default)]
    host: Value,
    /// What happens, by name.
    moments: IndexMap<String, Moment>,
}

/// What a program needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Needs {
    /// `e_machine`: 62 for x86-64, 183 for AArch64.
    machine: u16,
    /// Versions of libc's symbols.
    #[serde(default)]
    versions: Vec<String>,
    /// The loader.
    loader: Option<String>,
}

/// A moment: what it begins from, and what is otherwise then.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Moment {
    /// The plan of the moment before has been carried out, and this is what its commands left. The moments that
    /// follow begin from there. Else it begins where the last such moment did.
    applied: Option<Value>,
    /// What is otherwise, for this moment alone.
    host: Value,
    /// What the playbook has made there and no longer declares, for this moment alone.
    gone: Remains,
    /// Another piece of a playbook, for this moment alone.
    playbook: Option<String>,
}

/// A moment whose name begins so has nothing to change; any other has.
const RIGHT: &str = "as it should be";
/// What every kind has, beside that.
const USUAL: [&str; 2] = ["an empty host", "changed by hand"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/resources")
}

/// The files below `path` that end with `.end`.
fn files(path: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.extension().is_some_and(|extension| extension == end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Reads YAML as a playbook is read, so that a mistake in a case is told with its place.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).expect("a file");
    let parsed = from_str(&path.display().to_string(), &text);
    match (parsed.value, &parsed.errors[..]) {
        (Some(value), []) => value,
        (_, errors) => panic!("{}: {errors:?}", path.display()),
    }
}

/// Puts `over` over `host`: mappings are merged, null takes away.
fn merge(host: &mut Value, over: &Value) {
    match (host, over) {
        (_, Value::Null) => {}
        (Value::Object(host), Value::Object(over)) => {
            for (key, value) in over {
                match value {
                    Value::Null => drop(host.remove(key)),
                    // What stands at a path is said as a whole.
                    Value::Object(inner)
                        if !["content", "to", "is"].iter().any(|key| inner.contains_key(*key)) =>
                    {
                        merge(host.entry(key).or_insert_with(|| json!({})), value);
                    }
                    value => drop(host.insert(key.clone(), value.clone())),
                }
            }
        }
        (host, over) => *host = over.clone(),
    }
}

/// Does to a described host what a run's own actions do; what commands do a case says itself.
fn carry_out(host: &mut Value, changes: &[Change]) {
    let paths = |host: &mut Value, path: &str, thing: Value| {
        let above: Vec<&str> = path
            .match_indices('/')
            .map(|(at, _)| &path[..at.max(1)])
            .collect();
        for above in above {
            let paths = host["paths"].as_object_mut().expect("paths");
            paths.entry(above).or_insert_with(|| json!({}));
        }
        host["paths"][path] = thing;
    };
    let take_away = |host: &mut Value, path: &str| {
        let all = host["paths"].as_object_mut().expect("paths");
        all.retain(|other, _| other != path && !other.starts_with(&format!("{path}/")));
    };
    for action in changes.iter().flat_map(|change| &change.actions) {
        match action {
            Action::Write {
                path,
                content,
                mode,
                owner,
                ..
            } => {
                let text = String::from_utf8(content.bytes.to_vec()).expect("text");
                paths(
                    host,
                    path,
                    json!({ "content": text, "mode": mode, "owner": owner }),
                );
            }
            Action::Directory { path, mode, owner } => {
                paths(host, path, json!({ "mode": mode, "owner": owner }));
            }
            Action::Attributes { path, mode, owner } => {
                host["paths"][path]["mode"] = json!(mode);
                host["paths"][path]["owner"] = json!(owner);
            }
            Action::Link { path, target } => paths(host, path, json!({ "to": target })),
            Action::Remove { path, .. } | Action::Delete { path } => take_away(host, path),
            Action::Loaded { name, value } => host["loaded"][name] = json!(value),
            Action::Unloaded { name } => host["loaded"][name] = json!("-"),
            Action::Alter { .. } | Action::Shell(_) | Action::Load(_) | Action::ConfirmAccess { .. } => {}
        }
    }
}

/// An error and what to do about it, with its line of the playbook where it has one.
fn words(error: &dyn Diagnostic, playbook: &Path) -> String {
    let related: Vec<&dyn Diagnostic> = error.related().into_iter().flatten().collect();
    if !related.is_empty() {
        return related.into_iter().map(|error| words(error, playbook)).collect();
    }
    let mut text = format!("refused: {error}\n");
    let line = || {
        let label = error.labels()?.next()?;
        let place = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
        let is_playbook = place.name() == playbook.to_str();
        let whole = std::fs::read_to_string(playbook).ok().filter(|_| is_playbook)?;
        Some(whole.lines().nth(place.line())?.trim().to_owned())
    };
    text.extend(line().map(|line| format!("   at: {line}\n")));
    text.extend(error.help().map(|help| format!("   help: {help}\n")));
    text
}

/// The plan of a playbook for a host, with its desired state; or why there is none.
fn planned(playbook: &Path, host: &Value, gone: &Remains) -> Result<(Desired, Plan), String> {
    let overrides = Overrides::default();
    let loaded = load(playbook, &overrides).map_err(|error| words(&error, playbook))?;
    let beside = playbook.parent().expect("a folder");
    let programs = render(&loaded, None)
        .map_err(|error| words(&error, playbook))?
        .programs;
    let mut artifacts = Artifacts::new();
    for (name, program) in programs {
        let Program {
            origin,
            beside: wanted,
            ..
        } = program.value;
        // Nothing is built or fetched here: what would be is a file beside the playbook, or its name.
        let named = |name: &str| std::fs::read(beside.join(name)).unwrap_or_else(|_| name.into());
        let (bytes, revision) = match origin {
            Origin::File(path) => (std::fs::read(beside.join(path)).expect("a program"), None),
            Origin::Cargo(package) => (named(&package.bin), None),
            Origin::Url { url, .. } => (named(url.rsplit('/').next().expect("a name")), None),
            Origin::Git { package, .. } => (named(&package.bin), Some("5".repeat(40))),
        };
        let file = |path: &String| Node::File {
            content: Content::new(path.as_bytes(), false),
            executable: false,
        };
        let came = wanted
            .iter()
            .map(|path| (path.clone(), [(String::new(), file(path))].into()));
        loaded
            .document
            .source
            .note_binary(&name, revision, came.collect());
        artifacts.insert(name, Content::new(bytes, false));
    }
    let desired = render_without(&loaded, Some(&artifacts), gone)
        .map_err(|error| words(&error, playbook))?
        .desired;
    let questions = desired.questions();
    let host = Described::deserialize(host).expect("a host as `Described` says");
    let facts = host.answer(&questions);
    for (script, said) in &host.scripts {
        assert_eq!(facts.output(script), said, "nobody asks what `{script}` prints");
    }
    let plan = plan(&desired, &facts).map_err(|error| words(&error, playbook))?;
    Ok((desired, plan))
}

/// What the steps of a plan do and undo, as the host's sh reads it. Pieces of sh that stand in files are only named.
fn program(changes: &[Change]) -> String {
    let text = hostwright::transaction::compile::compile("ID", "TOKEN", changes, None, OnFailure::Stop);
    let start = text.find("\n# 1. ").expect("steps");
    let end = text
        .rfind("\nif [ \"${1-}\" = undo ]")
        .expect("the beginning of the run");
    let mut text = text[start..end].to_owned();
    for number in 1..=changes.len() {
        text = text.replace(&format!("\nrecover_{number}() {{\n:\n}}"), "");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in [files(&sources, "sh"), files(&sources, "pl")].concat() {
        let piece = std::fs::read_to_string(&path).expect("sh");
        let name = path.strip_prefix(&sources).expect("below it").display();
        text = text.replace(&shell::quote(&piece), &format!("<src/{name}>"));
        text = text.replace(&piece, &format!("# … src/{name}\n"));
    }
    text
}

fn tell(story: &Story, bare: &Value) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in &story.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    for (
        name,
        Needs {
            machine,
            versions,
            loader,
        },
    ) in &story.programs
    {
        let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
        let bytes = elf::elf(*machine, &versions, loader.as_deref());
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    let mut base = bare.clone();
    merge(&mut base, &story.host);
    let (mut last, mut changes) = (base.clone(), Vec::new());
    let mut text = String::new();
    for (name, moment) in &story.moments {
        if let Some(left) = &moment.applied {
            carry_out(&mut last, &changes);
            merge(&mut last, left);
            base = last;
        }
        let mut host = base.clone();
        merge(&mut host, &moment.host);
        let piece = moment.playbook.as_ref().unwrap_or(&story.playbook);
        let playbook = folder.path().join("playbook.yml");
        std::fs::write(&playbook, format!("{piece}\nname: app\n")).expect("written");
        text += &format!("## {name}\n\n");
        changes = match planned(&playbook, &host, &moment.gone) {
            Ok((desired, plan)) => {
                let said = hostwright::report::text::plan::text(&plan, &desired.secrets, true);
                text += &anstream::adapter::strip_str(&said).to_string();
                plan.changes
            }
            Err(refusal) => {
                text += &refusal;
                text.push('\n');
                assert!(!name.starts_with(RIGHT), "{name}: {refusal}");
                last = host;
                continue;
            }
        };
        assert_eq!(changes.is_empty(), name.starts_with(RIGHT), "{name}:\n{text}");
        text += &match changes.is_empty() {
            true => "\n".to_owned(),
            false => format!("{}\n", program(&changes)),
        };
        last = host;
    }
    text.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn every_case_plans_as_its_snapshot_says() {
    let bare: Value = read(&folder().join("host.yml"));
    let mut wrong = Vec::new();
    for path in files(&folder(), "yml") {
        let section = path.parent().expect("a folder");
        if section == folder() {
            continue;
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(section);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let told = catch_unwind(AssertUnwindSafe(|| {
            let text = tell(&read(&path), &bare);
            settings.bind(|| insta::assert_snapshot!(name, text));
        }));
        if told.is_err() {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "these are not as they should be: {wrong:#?}");
}

#[test]
fn every_kind_has_its_cases() {
    let schema = serde_json::to_value(hostwright::playbook::schema()).expect("JSON");
    let sections = schema["properties"].as_object().expect("sections");
    let kinds = sections.keys().filter(|name| {
        ![
            "name",
            "vars",
            "secrets",
            "keep",
            "rehearsal",
            "include",
            "checks",
        ]
        .contains(&name.as_str())
    });
    for kind in kinds {
        let path = folder().join(kind);
        assert!(path.is_dir(), "there is no {}", path.display());
        let stories: Vec<Story> = files(&path, "yml").iter().map(|path| read(path)).collect();
        let told: Vec<&String> = stories.iter().flat_map(|story| story.moments.keys()).collect();
        for moment in USUAL.into_iter().chain([RIGHT]) {
            let is_told = told.iter().any(|name| name.contains(moment));
            assert!(is_told, "no case of {kind} tells of `{moment}`");
        }
    }
    for snapshot in files(&folder(), "snap") {
        let case = snapshot.with_extension("yml");
        assert!(case.is_file(), "{} has no case any more", snapshot.display());
    }
}
