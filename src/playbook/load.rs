//! From a playbook's path to its declarations: vars, secrets and what the command line sets.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::scalar::Name;
use super::scope::{Scope, nearest};
use super::{PlaybookError, parse};
use crate::resources::Playbook;
use crate::secret::Secrets;

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
    /// The file's name as given.
    pub file: String,
    /// The file's text, for messages.
    pub text: String,
    /// The directory that relative paths start from.
    pub directory: PathBuf,
    /// Vars and secrets.
    pub scope: Rc<Scope>,
    /// What must never be shown.
    pub secrets: Secrets,
    /// Where each var is declared, for warnings.
    pub var_lines: Vec<(String, usize)>,
}

/// Reads the playbook at `path`.
///
/// # Errors
/// What is wrong and where, before any host is contacted.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, PlaybookError> {
    let file = path.display().to_string();
    let text = read(path)?;
    let directory = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let head = parse::head(&file, &text)?;
    let mut scope = Scope::default();
    let mut secrets = Secrets::default();
    let mut given: Vec<(String, parse::Var)> = Vec::new();
    if overrides.rehearsal {
        given.extend(
            head.rehearsal
                .vars
                .iter()
                .map(|(name, value)| (name.0.clone(), value.clone())),
        );
    }
    if let Some(vars) = &overrides.vars {
        let values = parse::vars(&vars.display().to_string(), &read(vars)?)?;
        given.extend(values.into_iter().map(|(name, value)| (name.0, value)));
    }
    given.extend(
        overrides
            .set
            .iter()
            .map(|(name, value)| (name.clone(), parse::Var(Some(value.clone())))),
    );
    for (name, _) in &given {
        if !head.vars.contains_key(&Name(name.clone())) {
            let known = nearest(name, head.vars.keys().map(|name| name.0.as_str()));
            return Err(PlaybookError::plain(
                format!("`{name}` is not a var of {file}{known}"),
                "--set, --vars and `rehearsal` give values to what the playbook declares under `vars`",
            ));
        }
    }
    for (name, placed) in &head.vars {
        let value = given
            .iter()
            .rev()
            .find(|(key, _)| *key == name.0)
            .map_or(&placed.value, |(_, value)| value);
        let value = parse::expand_var(&scope, value)
            .map_err(|cause| PlaybookError::at(&file, &text, placed.line, placed.column, cause))?;
        scope.set(&name.0, value);
    }
    for (name, placed) in &head.secrets {
        let at = |message: String, help: &str| {
            PlaybookError::at(&file, &text, placed.line, placed.column, message)
                .with_help(Some(help.to_owned()))
        };
        if head.vars.contains_key(name) {
            return Err(at(
                format!("`{name}` is a var as well as a secret"),
                "rename one of the two",
            ));
        }
        let value = secret(&placed.value, &directory).map_err(|(message, help)| at(message, help))?;
        secrets.add(&value);
        scope.set(&name.0, Some(value));
    }
    let scope = Rc::new(scope);
    let playbook = parse::playbook(&file, &text, &scope)?;
    let var_lines = head
        .vars
        .iter()
        .map(|(name, placed)| (name.0.clone(), placed.line))
        .collect();
    Ok(Loaded {
        playbook,
        file,
        text,
        directory,
        scope,
        secrets,
        var_lines,
    })
}

fn read(path: &Path) -> Result<String, PlaybookError> {
    std::fs::read_to_string(path).map_err(|error| {
        PlaybookError::plain(
            format!("{} cannot be read: {error}", path.display()),
            "name a playbook (a YAML file in UTF-8) that is there and readable",
        )
    })
}

fn secret(source: &parse::SecretSource, directory: &Path) -> Result<String, (String, &'static str)> {
    match (&source.env, &source.file) {
        (Some(name), None) => std::env::var(&name.0).map_err(|_| {
            (
                format!("the environment variable `{name}` is not set"),
                "set it, and run again",
            )
        }),
        (None, Some(file)) => {
            let path = directory.join(&file.0);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                (
                    format!("{} cannot be read: {error}", path.display()),
                    "make the file, readable for you alone",
                )
            })?;
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        _ => Err((
            "a secret has one source".into(),
            "write `{ env: NAME }` or `{ file: PATH }`",
        )),
    }
}
