//! Rendering a declaration to resources: what it may look up, and what it may say.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::document::Document;
use super::error::{PlaybookError, PlaybookErrors};
use super::ordered::Ordered;
use super::placed::Placed;
use super::problem::Problem;
use super::scalar::Line;
use super::scope::Scope;
use super::tree::Tree;
use super::{scope, template};
use crate::change::{Content, Id};
use crate::desired::{Entry, Resource};

/// Binaries that have been built or read, by the name of their entry.
pub type Artifacts = BTreeMap<String, Content>;

/// Where a binary's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// cargo builds the target `bin` of the package in `directory`.
    Cargo {
        /// Relative to the playbook.
        directory: String,
        /// The target's name.
        bin: String,
    },
    /// It is there already, at this path relative to the playbook.
    File(String),
}

/// One section of a playbook.
pub trait Section {
    /// Says what it declares, for other sections that must know of it ([`Render::announce`]): all of them do so
    /// before any is rendered.
    fn announce(&self, _cx: &mut Render<'_>) {}

    /// Adds what the section declares to the desired state.
    fn render(&self, cx: &mut Render<'_>);
}

/// One named thing of a section.
pub trait Declaration {
    /// Says what it declares, as [`Section::announce`] does.
    fn announce(&self, _name: &str, _cx: &mut Render<'_>) {}

    /// Adds it, under `name`, to the desired state.
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem>;
}

impl<T: Section> Section for Placed<Ordered<T>> {
    fn announce(&self, cx: &mut Render<'_>) {
        self.value.value.announce(cx);
    }

    fn render(&self, cx: &mut Render<'_>) {
        cx.declared(self, |section, cx| section.render(cx));
    }
}

impl<K: std::fmt::Display, T: Declaration> Section for indexmap::IndexMap<K, Placed<Ordered<T>>> {
    fn announce(&self, cx: &mut Render<'_>) {
        for (name, placed) in self {
            cx.turn_to(placed);
            placed.value.value.announce(&name.to_string(), cx);
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        for (name, placed) in self {
            let name = name.to_string();
            if let Err(problem) = cx.declared(placed, |declared, cx| declared.render(&name, cx)) {
                cx.wrong_in(&name, problem, placed);
            }
        }
    }
}

/// A resource that a declaration names, and must be there.
#[derive(Debug)]
struct Awaited {
    /// In which field.
    key: &'static str,
    id: Id,
    line: usize,
    column: usize,
}

/// The state of a rendering. Sections are rendered from the last kind to the first, so that a kind
/// can ask for packages and units, which come first in the list.
#[derive(Debug)]
pub struct Render<'a> {
    /// The playbook's text, and what it may name.
    pub document: &'a Document,
    /// Packages that some kind needs, and why.
    pub packages: BTreeMap<String, String>,
    /// Units that some kind needs enabled and running, and the package that brings each.
    pub units: BTreeMap<String, String>,
    /// sh that mends what may keep a package from being installed on this host.
    pub mends: BTreeMap<String, String>,
    artifacts: Option<&'a Artifacts>,
    origins: Vec<(String, Origin)>,
    announced: Vec<Box<dyn Any>>,
    kind: usize,
    section: &'static str,
    after: Vec<Id>,
    named: Vec<(&'static str, Id)>,
    awaited: Vec<Awaited>,
    /// The file in which what is being rendered stands.
    part: usize,
    entries: Vec<Entry>,
    errors: Vec<PlaybookError>,
    missing: Vec<PlaybookError>,
}

impl<'a> Render<'a> {
    /// The beginning. Without artifacts, binaries stand in as empty.
    pub fn new(document: &'a Document, artifacts: Option<&'a Artifacts>) -> Self {
        Self {
            document,
            artifacts,
            packages: BTreeMap::new(),
            units: BTreeMap::new(),
            mends: BTreeMap::new(),
            origins: Vec::new(),
            announced: Vec::new(),
            kind: 0,
            section: "",
            after: Vec::new(),
            named: Vec::new(),
            awaited: Vec::new(),
            part: 0,
            entries: Vec::new(),
            errors: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Says that the section of this name comes next, and its kind's place in the list of kinds.
    pub fn enter(&mut self, kind: usize, section: &'static str) {
        (self.kind, self.section) = (kind, section);
    }

    /// Says something of what is declared, in a type that whoever must know it looks for.
    pub fn announce<T: Any>(&mut self, said: T) {
        self.announced.push(Box::new(said));
    }

    /// All that was said in words of this type, in the order of the kinds and of the playbook.
    pub fn announced<T: Any>(&self) -> impl Iterator<Item = &T> {
        self.announced.iter().filter_map(|said| said.downcast_ref())
    }

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
        self.tainted(Content::new(bytes, false))
    }

    /// Refuses a command that holds a secret.
    pub fn refuse_secret(&self, command: &str) -> Result<(), Problem> {
        if !self.document.secrets.taint(command.as_bytes()) {
            return Ok(());
        }
        Err(Problem::new(
            "a command line holds a secret, and command lines are seen by everyone on the host",
            "put the secret into a file (mode 0600) and let the command read it",
        ))
    }

    /// What was read, as a file's content; whether it holds a secret is found by looking.
    pub fn tainted(&self, content: Content) -> Content {
        let secret = self.document.secrets.taint(&content.bytes);
        Content { secret, ..content }
    }

    /// A file of this machine, named relative to the playbook.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn local_file(&self, path: &str) -> Result<Content, Problem> {
        let path = self.local(path);
        let content = self.document.source.file(&path).map_err(|error| {
            Problem::new(
                format!(
                    "{} cannot be read: {error}",
                    self.document.source.path(&path).display()
                ),
                "paths are relative to the playbook's directory",
            )
        })?;
        Ok(self.tainted(content))
    }

    /// What a directory of this machine holds, but for what the patterns exclude.
    ///
    /// # Errors
    /// What could not be read, or is nothing that a host could have; or which pattern is none.
    pub fn local_tree(&self, path: &str, patterns: &[Line]) -> Result<Rc<Tree>, Problem> {
        self.document.source.tree(&self.local(path), patterns)
    }

    /// A path that the playbook names, from its own folder on: in a file that is included it starts from that file's.
    pub fn local(&self, path: &str) -> String {
        let part = self.document.parts.get(self.part);
        part.map_or_else(|| path.to_owned(), |part| part.local(path))
    }

    /// Turns to the file in which something stands: paths and variables are that file's from now on.
    pub fn turn_to<T>(&mut self, placed: &Placed<T>) {
        self.part = self.document.expanded.place(placed.line, placed.column).part;
    }

    /// The vars and secrets that what is being rendered may name.
    fn scope(&self) -> Option<&'a Scope> {
        self.document.parts.get(self.part).map(|part| &*part.scope)
    }

    /// A program that is built or read here: its bytes, or none while that has not been done.
    pub fn artifact(&mut self, name: &str, origin: Origin) -> Content {
        let origin = match origin {
            Origin::Cargo { directory, bin } => Origin::Cargo {
                directory: self.local(&directory),
                bin,
            },
            Origin::File(path) => Origin::File(self.local(&path)),
        };
        self.origins.push((name.to_owned(), origin));
        self.built(name)
    }

    /// What stands at a URL, which is fetched before the playbook means something; none while that has not been done.
    ///
    /// # Errors
    /// That it was not kept.
    pub fn fetched(&self, url: &str) -> Result<Option<Content>, Problem> {
        let content = self.document.source.fetched(url).map_err(|error| {
            let message = format!("what stood at {url} is not there any more: {error}");
            Problem::new(message, "apply the playbook from its own directory")
        })?;
        Ok(content.map(|content| self.tainted(content)))
    }

    /// What has been built or read for the binary `name`; nothing while that has not been done.
    pub fn built(&self, name: &str) -> Content {
        let built = self.artifacts.and_then(|artifacts| artifacts.get(name).cloned());
        built.unwrap_or_else(|| Content::new(Vec::new(), false))
    }

    /// Fills the template at `path` (relative to the playbook, else one that ships with the program) with
    /// the playbook's vars and `own` values, which come first.
    pub fn template(&self, path: &str, own: Map<String, Value>) -> Result<Content, Problem> {
        let own_path = self.local(path);
        let local = self.document.source.path(&own_path);
        let (file, source, optional): (_, _, &[&str]) = match (
            self.document.source.text(&own_path),
            self.document.source.shipped(path),
        ) {
            (Ok(text), _) => (local.display().to_string(), text, &[]),
            (Err(_), Some(text)) => (format!("templates/{path}"), text, template::optional(path)),
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
        for name in optional {
            values.entry(*name).or_insert("".into());
        }
        let rendered = template::render(&file, &source, &values)?;
        if let Some(scope) = self.scope() {
            rendered.used.iter().for_each(|name| scope.mark(name));
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
        values.insert("playbook".into(), self.document.name.clone().into());
        for (name, text) in self.scope().into_iter().flat_map(Scope::values) {
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

    /// Notes a problem of the declaration `name`, unless it may only seem to be wrong without what was left out of it.
    pub fn wrong_in<T>(&mut self, name: &str, problem: Problem, placed: &Placed<T>) {
        if !self.lacks(name, &problem) {
            self.wrong(problem, placed);
        }
    }

    /// Whether a problem of the declaration `name` may come from what was left out of it. A template that is wrong
    /// is wrong, unless its own values were.
    fn lacks(&self, name: &str, problem: &Problem) -> bool {
        let own = self
            .document
            .left_out
            .iter()
            .filter(|path| path.starts_with(&[self.section.to_owned(), name.to_owned()]));
        let elsewhere = matches!(problem, Problem::There(_));
        own.into_iter()
            .any(|path| !elsewhere || path.get(2).is_some_and(|key| key == "with"))
    }

    fn at(&self, line: usize, column: usize, message: String) -> PlaybookError {
        self.document
            .expanded
            .error(&self.document.files, line, column, message)
    }

    /// Renders something declared: all that it adds comes after what its `after` names.
    pub fn declared<T, R>(
        &mut self,
        placed: &Placed<Ordered<T>>,
        render: impl FnOnce(&T, &mut Self) -> R,
    ) -> R {
        let Ordered { value, after } = &placed.value;
        self.after = after.iter().map(|id| Id::parse(&id.0)).collect();
        self.turn_to(placed);
        let rendered = render(value, self);
        let after = std::mem::take(&mut self.after)
            .into_iter()
            .map(|id| ("after", id));
        let named = std::mem::take(&mut self.named);
        self.awaited.extend(after.chain(named).map(|(key, id)| Awaited {
            key,
            id,
            line: placed.line,
            column: placed.column,
        }));
        rendered
    }

    /// Says that the field `key` of the declaration that is being rendered names the resource `id`, which must be there.
    pub fn names(&mut self, key: &'static str, id: Id) {
        self.named.push((key, id));
    }

    /// The resources, and what must be built for them.
    ///
    /// # Errors
    /// All that is wrong and where, with `errors` that were found before.
    pub fn finish(mut self, errors: &[PlaybookError]) -> Result<Finished, PlaybookErrors> {
        let ids: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.resource.id().as_str())
            .collect();
        let unknown = self
            .awaited
            .iter()
            .filter(|awaited| !ids.contains(&awaited.id.as_str()));
        let unknown: Vec<PlaybookError> = unknown
            .map(
                |Awaited {
                     key,
                     id,
                     line,
                     column,
                 }| {
                    let near = scope::nearest(id.as_str(), ids.iter().copied());
                    let message = format!("`{key}` names `{id}`, and nothing here has that id{near}");
                    self.at(*line, *column, message)
                },
            )
            .collect();
        self.missing.extend(unknown);
        let mut all = self.errors;
        all.extend(errors.iter().cloned());
        if all.is_empty() {
            all = self.missing;
        }
        match all.is_empty() {
            true => Ok((self.entries, self.origins)),
            false => Err(PlaybookErrors::new(&self.document.file().name, all)),
        }
    }
}

/// Resources in no order, and the binaries that they install, by the names of their entries.
pub type Finished = (Vec<Entry>, Vec<(String, Origin)>);
