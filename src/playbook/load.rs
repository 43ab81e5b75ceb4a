//! From a playbook's path to its declarations: vars, secrets and what the command line sets.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexMap;

use super::Playbook;
use super::bundle::Bundle;
use super::head::{Head, SecretSource, Var, expand};
use crate::language::document::Document;
use crate::language::parse::from_str;
use crate::language::scalar::Name;
use crate::language::scope::{Scope, TOLD, nearest, within};
use crate::language::source::{Read, Source};
use crate::language::{PlaybookError, PlaybookErrors, template};
use crate::secret::{SHORTEST, Secrets};

/// What the command line says about vars.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `key=value` pairs; the last one wins.
    pub set: Vec<(String, String)>,
    /// A YAML file of values.
    pub vars: Option<PathBuf>,
    /// Whether the playbook's `rehearsal` values apply.
    pub rehearsal: bool,
}

/// A playbook that has been read, and what its rendering needs.
#[derive(Debug)]
pub struct Loaded {
    /// The declarations, variables put in.
    pub playbook: Playbook,
    /// Its text, and what it may name.
    pub document: Document,
    /// Values that vars were given in place of their own, the last of a name counting.
    pub given: Vec<(String, Option<String>)>,
    /// Where each var is declared, for warnings.
    pub var_lines: Vec<(String, usize)>,
    /// What is wrong with what could not be read; rendering fails with it.
    pub errors: Vec<PlaybookError>,
    /// Remarks, each with its place.
    pub warnings: Vec<String>,
}

/// Reads the playbook at `path`, as far as it is right.
///
/// # Errors
/// What is wrong and where, before any host is contacted, when nothing of it can be read.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, PlaybookErrors> {
    let file = path.display().to_string();
    let text = read(path)?;
    let source = Source::new(path.parent().unwrap_or(Path::new(".")));
    from_text(file.clone(), text, source, |head, wrong| {
        given(head, wrong, &file, overrides)
    })
}

/// Reads the playbook of a bundle, of whose contents `read` are there. Secrets come from where they come from today.
/// On a rehearsal the playbook's `rehearsal` values come before those that were given.
///
/// # Errors
/// What is wrong and where.
pub fn reload(bundle: &Bundle, read: Read, rehearsal: bool) -> Result<Loaded, PlaybookErrors> {
    let source = Source::noted(Path::new(&bundle.directory), read);
    let vars = bundle.vars.iter();
    let mut given: Given = vars
        .map(|(name, value)| (name.clone(), Var(value.clone())))
        .collect();
    from_text(bundle.file.clone(), bundle.text.clone(), source, |head, _| {
        if rehearsal {
            given.extend(rehearsed(head));
        }
        Ok((given, Vec::new()))
    })
}

/// The secrets of a bundle's playbook that are set here and now, whatever else of it cannot be read.
pub fn secrets_of(bundle: &Bundle) -> Secrets {
    let mut secrets = Secrets::default();
    let head = from_str::<Head>(&bundle.file, &bundle.text).value;
    for placed in head.iter().flat_map(|head| head.secrets.values()) {
        if let Ok(value) = secret(&placed.value, Path::new(&bundle.directory)) {
            secrets.add(&value);
        }
    }
    secrets
}

fn from_text(
    file: String,
    text: String,
    source: Source,
    given: impl FnOnce(&Head, &[&str]) -> Result<(Given, Vec<PlaybookError>), PlaybookError>,
) -> Result<Loaded, PlaybookErrors> {
    let directory = source.directory().to_path_buf();
    let parsed = from_str::<Head>(&file, &text);
    let Some(head) = parsed.value else {
        return Err(PlaybookErrors::new(&file, parsed.errors));
    };
    let mut scope = Scope::default();
    // Names that are declared, and whose declaration is wrong.
    let mut wrong: Vec<&str> = Vec::new();
    for path in &parsed.left_out {
        match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["vars" | "secrets", name, ..] => wrong.push(name),
            // Without any of them nothing else can be read rightly.
            ["vars" | "secrets"] => return Err(PlaybookErrors::new(&file, parsed.errors)),
            _ => {}
        }
    }
    for name in &wrong {
        scope.set_unknown(name);
    }
    let (given, mut errors) = given(&head, &wrong)?;
    let right = |name: &Name| !wrong.contains(&name.0.as_str());
    for (name, placed) in head.vars.iter().filter(|(name, _)| right(name)) {
        let value = given
            .iter()
            .rev()
            .find(|(key, _)| *key == name.0)
            .map_or(&placed.value, |(_, value)| value);
        match expand(&scope, value) {
            Ok(value) => scope.set(&name.0, value),
            Err(cause) => {
                scope.set_unknown(&name.0);
                if cause != TOLD {
                    errors.push(PlaybookError::at(&file, &text, placed.line, placed.column, cause));
                }
            }
        }
    }
    let mut secrets = Secrets::default();
    let mut warnings = Vec::new();
    for (name, placed) in head.secrets.iter().filter(|(name, _)| right(name)) {
        let value = match head.vars.contains_key(name) {
            true => Err((
                format!("`{name}` is a var as well as a secret"),
                "rename one of the two".to_owned(),
            )),
            false => secret(&placed.value, &directory),
        };
        match value {
            Ok(value) => {
                let remarks = remarks(&value, &text).into_iter();
                warnings.extend(
                    remarks.map(|remark| format!("{file}:{}: the secret `{name}` {remark}", placed.line)),
                );
                secrets.add(&value);
                scope.set(&name.0, Some(value));
            }
            Err((message, help)) => {
                scope.set_unknown(&name.0);
                let error = PlaybookError::at(&file, &text, placed.line, placed.column, message);
                errors.push(error.with_help(Some(help)));
            }
        }
    }
    let scope = Rc::new(scope);
    let parsed = within(&scope, || from_str::<Playbook>(&file, &text));
    errors.extend(parsed.errors);
    let Some(playbook) = parsed.value else {
        return Err(PlaybookErrors::new(&file, errors));
    };
    let var_lines = head
        .vars
        .iter()
        .map(|(name, placed)| (name.0.clone(), placed.line))
        .collect();
    Ok(Loaded {
        document: Document {
            name: playbook.name.0.clone(),
            file,
            text,
            source,
            scope,
            secrets,
            left_out: parsed.left_out,
        },
        playbook,
        given: given.into_iter().map(|(name, value)| (name, value.0)).collect(),
        var_lines,
        errors,
        warnings,
    })
}

/// Values for vars; the last one of a name counts.
type Given = Vec<(String, Var)>;

/// The playbook's values for rehearsals.
fn rehearsed(head: &Head) -> impl Iterator<Item = (String, Var)> {
    let vars = head.rehearsal.vars.iter();
    vars.map(|(name, value)| (name.0.clone(), value.clone()))
}

/// Values that vars are given in place of their own, and what is wrong with them.
fn given(
    head: &Head,
    wrong: &[&str],
    file: &str,
    overrides: &Overrides,
) -> Result<(Given, Vec<PlaybookError>), PlaybookError> {
    let mut given = Given::new();
    let mut errors = Vec::new();
    if overrides.rehearsal {
        given.extend(rehearsed(head));
    }
    if let Some(vars) = &overrides.vars {
        let parsed = from_str::<IndexMap<Name, Var>>(&vars.display().to_string(), &read(vars)?);
        errors.extend(parsed.errors);
        let values = parsed.value.unwrap_or_default().into_iter();
        given.extend(values.map(|(name, value)| (name.0, value)));
    }
    let set = overrides.set.iter();
    given.extend(set.map(|(name, value)| (name.clone(), Var(Some(value.clone())))));
    for (name, _) in &given {
        if !head.vars.contains_key(&Name(name.clone())) && !wrong.contains(&name.as_str()) {
            let known = nearest(name, head.vars.keys().map(|name| name.0.as_str()));
            errors.push(PlaybookError::plain(
                format!("`{name}` is not a var of {file}{known}"),
                "--set, --vars and `rehearsal` give values to what the playbook declares under `vars`",
            ));
        }
    }
    Ok((given, errors))
}

fn read(path: &Path) -> Result<String, PlaybookError> {
    std::fs::read_to_string(path).map_err(|error| {
        PlaybookError::plain(
            format!("{} cannot be read: {error}", path.display()),
            "name a playbook (a YAML file in UTF-8) that is there and readable",
        )
    })
}

/// A secret's value, or what is wrong with it and what to do.
fn secret(source: &SecretSource, directory: &Path) -> Result<String, (String, String)> {
    let (what, value) = match (&source.env, &source.file) {
        (Some(name), None) => {
            let what = format!("the environment variable `{name}`");
            match std::env::var(&name.0) {
                Ok(value) => (what, value),
                Err(std::env::VarError::NotPresent) => {
                    return Err((format!("{what} is not set"), "set it, and run again".into()));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err((format!("{what} is not text in UTF-8"), "set it to text".into()));
                }
            }
        }
        (None, Some(file)) => {
            let path = directory.join(&file.0);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                (
                    format!("{} cannot be read: {error}", path.display()),
                    "make the file, readable for you alone".to_owned(),
                )
            })?;
            let value = text.strip_suffix('\n').unwrap_or(&text).to_owned();
            (format!("the file {}", path.display()), value)
        }
        _ => {
            return Err((
                "a secret has one source".into(),
                "write `{ env: NAME }` or `{ file: PATH }`".into(),
            ));
        }
    };
    let may_be_empty = source.empty.as_ref().is_some_and(|flag| flag.0);
    match mistake(&value) {
        None => Ok(value),
        Some(_) if may_be_empty && value.is_empty() => Ok(value),
        Some((mistake, help)) => Err((format!("{what} {mistake}"), help)),
    }
}

/// What makes a value useless as a secret, and what to do.
fn mistake(value: &str) -> Option<(&'static str, String)> {
    let several_lines = value.trim_end_matches('\n').contains('\n');
    let (mistake, help) = if value.is_empty() {
        (
            "is empty",
            "give it a value, or say `empty: true` where it may be empty".into(),
        )
    } else if value.trim().is_empty() {
        ("holds nothing but blanks", "give it a value".into())
    } else if value.starts_with('\u{feff}') {
        (
            "begins with a byte order mark",
            "save it as UTF-8 without one".into(),
        )
    } else if value.ends_with('\r') || value.contains("\r\n") {
        (
            "has a carriage return at a line's end, as Windows writes it",
            "take it out: `tr -d '\\r'`".into(),
        )
    } else if value.ends_with('\n') && !several_lines {
        ("ends with a newline too many", "take it out".into())
    } else if value.contains('\0') {
        ("holds a zero byte", "give it as text".into())
    } else if value.len() < SHORTEST {
        (
            "is too short to be hidden in what is shown",
            format!("a secret has at least {SHORTEST} characters; what is none belongs under `vars`"),
        )
    } else {
        return None;
    };
    Some((mistake, help))
}

/// What is likely to be a mistake in a secret, and may be meant.
fn remarks(value: &str, text: &str) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if value.trim_matches([' ', '\t']) != value {
        remarks.push("begins or ends with a blank");
    }
    if !value.is_empty() && (text.contains(value) || template::shipped_hold(value)) {
        remarks
            .push("stands in the playbook or a template as plain text: whatever holds it counts as secret");
    }
    remarks
}
