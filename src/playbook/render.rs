//! Declarations → desired state: templates filled, files read, implied resources added, all in order.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::load::Loaded;
use super::parse::Placed;
use super::template;
use super::{PlaybookError, PlaybookErrors, scope};
use crate::change::{Content, Id};
use crate::checks;
use crate::desired::{Desired, Entry, Resource};
use crate::plan::order;

/// Binaries that have been built or read, by the name of their entry.
pub type Artifacts = BTreeMap<String, Vec<u8>>;

/// What is wrong with one declaration. Its place is that of the declaration, unless it has its own.
#[derive(Debug)]
pub enum Problem {
    /// Wrong at the declaration.
    Here {
        /// What.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// Wrong elsewhere: in a template, say.
    There(Box<PlaybookError>),
    /// Something is named that is not there. It may only have an error of its own, which is then told instead.
    Missing {
        /// What.
        message: String,
        /// What to do.
        help: String,
    },
}

impl From<PlaybookError> for Problem {
    fn from(error: PlaybookError) -> Self {
        Self::There(Box::new(error))
    }
}

impl Problem {
    /// A name at the declaration that nothing here has, with what to do.
    pub fn missing(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Missing {
            message: message.into(),
            help: help.into(),
        }
    }

    /// A problem at the declaration with its remedy.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Here {
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

/// One section of a playbook.
pub trait Section {
    /// Adds what the section declares to the desired state.
    fn render(&self, cx: &mut Render<'_>);
}

/// One named thing of a section.
pub trait Declaration {
    /// Adds it, under `name`, to the desired state.
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem>;

    /// Ids that it must come after because the playbook says so.
    fn after(&self) -> &[super::scalar::Line] {
        &[]
    }
}

impl<K: std::fmt::Display, T: Declaration> Section for indexmap::IndexMap<K, Placed<T>> {
    fn render(&self, cx: &mut Render<'_>) {
        for (name, placed) in self {
            cx.after = placed.value.after().iter().map(|id| Id::parse(&id.0)).collect();
            let name = name.to_string();
            match placed.value.render(&name, cx) {
                // Without what was left out of it, it may only seem to be wrong.
                Err(problem) if !cx.lacks(&name, &problem) => cx.wrong(problem, placed),
                _ => {}
            }
            cx.await_after(placed);
        }
    }
}

/// The state of a rendering. Sections are rendered from the last kind to the first, so that a kind
/// can ask for packages and units, which come first in the list.
#[derive(Debug)]
pub struct Render<'a> {
    /// What has been loaded.
    pub loaded: &'a Loaded,
    /// The binaries, or none while nothing is built (`check`).
    pub artifacts: Option<&'a Artifacts>,
    /// Packages that some kind needs, and why.
    pub packages: BTreeMap<String, String>,
    /// Units that some kind needs enabled and running, and the package that brings each.
    pub units: BTreeMap<String, String>,
    /// sh that mends what may keep a package from being installed on this host.
    pub mends: BTreeMap<String, String>,
    /// The place of the kind that is being rendered.
    pub kind: usize,
    section: &'static str,
    after: Vec<Id>,
    awaited: Vec<(Id, usize, usize)>,
    entries: Vec<Entry>,
    errors: Vec<PlaybookError>,
    missing: Vec<PlaybookError>,
}

impl<'a> Render<'a> {
    /// Adds a resource of the kind that is being rendered.
    pub fn push(&mut self, resource: impl Resource + 'static) {
        self.entries.push(Entry {
            resource: Box::new(resource),
            kind: self.kind,
            after: self.after.clone(),
        });
    }

    /// Whether a resource with this id is there already.
    pub fn has(&self, id: &Id) -> bool {
        self.entries.iter().any(|entry| entry.resource.id() == id)
    }

    /// Says that `package` must be installed for `because`.
    pub fn needs_package(&mut self, package: &str, because: &str) {
        self.packages
            .entry(package.to_owned())
            .or_insert_with(|| because.to_owned());
    }

    /// Says that `unit`, which `package` brings, must be enabled and running.
    pub fn needs_unit(&mut self, unit: &str, package: &str, because: &str) {
        self.needs_package(package, because);
        self.units.insert(unit.to_owned(), package.to_owned());
    }

    /// Bytes as a file's content; whether they hold a secret is found by looking.
    pub fn content(&self, bytes: impl Into<std::sync::Arc<[u8]>>) -> Content {
        let bytes = bytes.into();
        let secret = self.loaded.secrets.taint(&bytes);
        Content::new(bytes, secret)
    }

    /// Refuses a command that holds a secret.
    pub fn refuse_secret(&self, command: &str) -> Result<(), Problem> {
        if !self.loaded.secrets.taint(command.as_bytes()) {
            return Ok(());
        }
        Err(Problem::new(
            "a command line holds a secret, and command lines are seen by everyone on the host",
            "put the secret into a file (mode 0600) and let the command read it",
        ))
    }

    /// A file of this machine, named relative to the playbook.
    pub fn local_file(&self, path: &str) -> Result<Vec<u8>, Problem> {
        let path = self.loaded.directory.join(path);
        std::fs::read(&path).map_err(|error| {
            Problem::new(
                format!("{} cannot be read: {error}", path.display()),
                "paths are relative to the playbook's directory",
            )
        })
    }

    /// Fills the template at `path` (relative to the playbook, else one that ships with the program) with
    /// the playbook's vars and `own` values, which come first.
    pub fn template(&self, path: &str, own: Map<String, Value>) -> Result<Content, Problem> {
        let local = self.loaded.directory.join(path);
        let (file, source) = match (std::fs::read_to_string(&local), template::shipped(path)) {
            (Ok(text), _) => (local.display().to_string(), text),
            (Err(_), Some(text)) => (format!("templates/{path}"), text.to_owned()),
            (Err(error), None) => {
                let shipped: Vec<&str> = template::shipped_names().collect();
                return Err(Problem::new(
                    format!("the template {} cannot be read: {error}", local.display()),
                    format!(
                        "name a file beside the playbook, or one of: {}",
                        shipped.join(", ")
                    ),
                ));
            }
        };
        let mut values = self.variables();
        values.extend(own);
        let rendered = template::render(&file, &source, &values)?;
        for name in &rendered.used {
            self.loaded.scope.mark(name);
        }
        Ok(self.content(rendered.text.into_bytes()))
    }

    /// Vars and secrets as a template sees them. A text that says `true`, `false` or a whole number is
    /// one, so that `{{#if}}` does what its reader expects.
    fn variables(&self) -> Map<String, Value> {
        let value = |text: &str| match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match text.parse::<i64>() {
                Ok(number) if number.to_string() == text => number.into(),
                _ => text.into(),
            },
        };
        let mut values = Map::new();
        values.insert("playbook".into(), self.loaded.playbook.name.0.clone().into());
        for (name, text) in self.loaded.scope.values() {
            values.insert(name.to_owned(), text.map_or(Value::Null, value));
        }
        values
    }

    /// A problem with its place.
    fn locate<T>(&self, problem: Problem, placed: &Placed<T>) -> PlaybookError {
        match problem {
            Problem::There(error) => *error,
            Problem::Here { message, help } => self.at(placed.line, placed.column, message).with_help(help),
            Problem::Missing { message, help } => {
                self.at(placed.line, placed.column, message).with_help(Some(help))
            }
        }
    }

    /// Notes a problem; the rest is rendered all the same, so that all problems are told at once.
    pub fn wrong<T>(&mut self, problem: Problem, placed: &Placed<T>) {
        let missing = matches!(problem, Problem::Missing { .. });
        let error = self.locate(problem, placed);
        match missing {
            true => self.missing.push(error),
            false => self.errors.push(error),
        }
    }

    /// Whether a problem of the declaration `name` may come from what was left out of it. A template that is wrong
    /// is wrong, unless its own values were.
    fn lacks(&self, name: &str, problem: &Problem) -> bool {
        let own = self
            .loaded
            .left_out
            .iter()
            .filter(|path| path.starts_with(&[self.section.to_owned(), name.to_owned()]));
        let elsewhere = matches!(problem, Problem::There(_));
        own.into_iter()
            .any(|path| !elsewhere || path.get(2).is_some_and(|key| key == "with"))
    }

    fn at(&self, line: usize, column: usize, message: String) -> PlaybookError {
        PlaybookError::at(&self.loaded.file, &self.loaded.text, line, column, message)
    }

    fn await_after<T>(&mut self, placed: &Placed<T>) {
        for id in std::mem::take(&mut self.after) {
            self.awaited.push((id, placed.line, placed.column));
        }
    }

    fn finish(mut self) -> Result<Desired, PlaybookErrors> {
        let loaded = self.loaded;
        self.section = "checks";
        for (name, placed) in &loaded.playbook.checks {
            if let Some((message, help)) = checks::problem(&placed.value) {
                let problem = Problem::new(message, help);
                if !self.lacks(&name.0, &problem) {
                    self.wrong(problem, placed);
                }
            }
        }
        let ids: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.resource.id().as_str())
            .collect();
        let unknown = self.awaited.iter().filter(|(id, ..)| !ids.contains(&id.as_str()));
        let unknown: Vec<PlaybookError> = unknown
            .map(|(id, line, column)| {
                let near = scope::nearest(id.as_str(), ids.iter().copied());
                let message = format!("`after` names `{id}`, and nothing here has that id{near}");
                self.at(*line, *column, message)
            })
            .collect();
        self.missing.extend(unknown);
        let mut errors = self.errors;
        errors.extend(loaded.errors.iter().cloned());
        if errors.is_empty() {
            errors = self.missing;
        }
        let Loaded {
            file,
            scope,
            playbook,
            secrets,
            var_lines,
            ..
        } = loaded;
        if !errors.is_empty() {
            return Err(PlaybookErrors::new(file, errors));
        }
        let unused = var_lines.iter().filter(|(name, _)| !scope.is_used(name));
        let unused = unused.map(|(name, line)| format!("{file}:{line}: the var `{name}` is used nowhere"));
        let warnings = loaded.warnings.iter().cloned().chain(unused).collect();
        let checks = checks::render(playbook);
        let entries = order::order(self.entries).map_err(|cycle| {
            PlaybookError::plain(cycle, "take one `after` or one reference out of the circle")
        })?;
        let name = playbook.name.0.clone();
        Ok(Desired {
            name,
            entries,
            checks,
            secrets: secrets.clone(),
            warnings,
        })
    }
}

/// Makes the desired state of a playbook. Without artifacts, binaries stand in as empty: good for
/// checking a playbook, not for a plan.
///
/// # Errors
/// All that is wrong and where, with what was wrong when it was loaded.
pub fn render(loaded: &Loaded, artifacts: Option<&Artifacts>) -> Result<Desired, PlaybookErrors> {
    let mut cx = Render {
        loaded,
        artifacts,
        packages: BTreeMap::new(),
        units: BTreeMap::new(),
        mends: BTreeMap::new(),
        kind: 0,
        section: "",
        after: Vec::new(),
        awaited: Vec::new(),
        entries: Vec::new(),
        errors: Vec::new(),
        missing: Vec::new(),
    };
    for (name, placed) in &loaded.playbook.checks {
        if let Some(url) = placed.value.asked_on_host() {
            let check = format!("check.{name}");
            cx.needs_package("curl", &check);
            if url.starts_with("https:") {
                cx.needs_package("ca-certificates", &check);
            }
        }
    }
    for (kind, (name, section)) in loaded.playbook.sections().into_iter().enumerate().rev() {
        (cx.kind, cx.section) = (kind, name);
        section.render(&mut cx);
    }
    cx.finish()
}
