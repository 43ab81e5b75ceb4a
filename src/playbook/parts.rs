//! The files that a playbook is made of: each is read with its own vars and secrets, and what they declare becomes one.

use std::path::Path;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;

use super::head::{Given, Head, Include, Var};
use super::merge::merge;
use super::schema;
use super::secrets::{Reader, remarks};
use super::sections::HEAD;
use crate::language::document::{Part, tidy};
use crate::language::expanded::{Expanded, File, error};
use crate::language::node::{Entries, Kind, Node, Place, parse};
use crate::language::parse::{from_expanded, from_str};
use crate::language::scalar::Name;
use crate::language::scope::{Scope, TOLD, nearest};
use crate::language::source::Source;
use crate::language::unfold::{Unfold, is_unknown};
use crate::language::{Placed, PlaybookError, PlaybookErrors};
use crate::secret::Secrets;

/// No playbook includes others through more others than these.
const DEEPEST: usize = 16;
/// No playbook consists of more files than these.
const MOST: usize = 256;

/// Values for the vars of one file, and what is wrong with them.
type Values = (Given, Vec<PlaybookError>);

/// What is read of all files.
pub(super) struct Reading<'s> {
    source: &'s Source,
    reader: Reader<'s>,
    schema: Option<Value>,
    /// The files on the way to the one that is being read: each one's path, and where the next is included.
    way: Vec<(String, usize)>,
    /// The files, the playbook's own first.
    pub files: Vec<File>,
    /// What each may name.
    pub parts: Vec<Part>,
    /// What must never be shown.
    pub secrets: Secrets,
    /// What is wrong, as far as the rest could be read.
    pub errors: Vec<PlaybookError>,
    /// Remarks, each with its place.
    pub warnings: Vec<String>,
}

impl<'s> Reading<'s> {
    /// The beginning.
    pub fn new(source: &'s Source, reader: Reader<'s>) -> Self {
        Self {
            source,
            reader,
            schema: None,
            way: Vec::new(),
            files: Vec::new(),
            parts: Vec::new(),
            secrets: Secrets::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads the playbook's own file and all that it includes: entries repeated and left out, variables put in.
    ///
    /// # Errors
    /// What is wrong where nothing of it can be read.
    pub fn whole(
        &mut self,
        file: &str,
        text: &str,
        given: impl FnOnce(&Head, &[&str]) -> Result<Values, PlaybookError>,
    ) -> Result<Entries, PlaybookErrors> {
        let own = Path::new(file)
            .file_name()
            .map_or_else(|| file.into(), |name| name.to_string_lossy());
        let path = own.into_owned();
        match self.file(file, text, path, given) {
            Ok(entries) => Ok(entries),
            Err(errors) => {
                self.errors.extend(errors);
                Err(PlaybookErrors::new(file, std::mem::take(&mut self.errors)))
            }
        }
    }

    /// The sections of one file, and of those that it includes.
    fn file(
        &mut self,
        file: &str,
        text: &str,
        path: String,
        given: impl FnOnce(&Head, &[&str]) -> Result<Values, PlaybookError>,
    ) -> Result<Entries, Vec<PlaybookError>> {
        let number = self.files.len();
        self.files.push(File {
            name: file.to_owned(),
            text: text.to_owned(),
        });
        let folder = Path::new(&path)
            .parent()
            .unwrap_or(Path::new(""))
            .display()
            .to_string();
        self.parts.push(Part {
            folder,
            ..Part::default()
        });
        let parsed = from_str::<Head>(file, text);
        let Some(head) = parsed.value else {
            return Err(parsed.errors);
        };
        // Names that are declared, and whose declaration is wrong.
        let mut wrong: Vec<&str> = Vec::new();
        for path in &parsed.left_out {
            match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["vars" | "secrets", name, ..] => wrong.push(name),
                // Without any of them nothing else can be read rightly.
                ["vars" | "secrets"] => return Err(parsed.errors),
                _ => {}
            }
        }
        let (values, errors) = given(&head, &wrong).map_err(|error| vec![error])?;
        self.errors.extend(errors);
        let scope = Rc::new(self.scope(number, &path, &head, &wrong, &values));
        self.parts[number].scope = Rc::clone(&scope);
        self.parts[number].vars = head
            .vars
            .iter()
            .map(|(name, placed)| (name.0.clone(), placed.line))
            .collect();
        let tree = parse(text, number)
            .map_err(|(message, line, column)| vec![PlaybookError::at(file, text, line, column, message)])?;
        let Some(Kind::Map(sections, _)) = tree.map(|tree| tree.kind) else {
            return Err(parsed.errors);
        };
        if number > 0 {
            // Those of the playbook's own file are told when all of it is read.
            self.errors.extend(parsed.errors);
        }
        let mut whole = Entries::new();
        let mut own = Entries::new();
        self.way.push((path, 0));
        for (name, section) in sections {
            let text = name.scalar().unwrap_or_default();
            let is_head = HEAD.contains(&text);
            if is_head && number > 0 {
                continue;
            }
            let files = std::mem::take(&mut self.files);
            let mut unfold = Unfold::new(&scope, &files);
            let section = match text {
                "name" | "keep" => unfold.plain(section),
                _ if is_head => section,
                _ => unfold.section(section),
            };
            let left_out = unfold.left_out;
            self.errors.append(&mut unfold.errors);
            self.files = files;
            self.parts[number].left_out |= left_out;
            match text {
                "include" => self.included(name, section, &mut whole),
                _ => own.push((name, section)),
            }
        }
        self.way.pop();
        let (mut head, own): (Entries, Entries) = own
            .into_iter()
            .partition(|(name, _)| name.scalar().is_some_and(|name| HEAD.contains(&name)));
        self.merge(&mut whole, own);
        head.append(&mut whole);
        Ok(head)
    }

    fn merge(&mut self, into: &mut Entries, sections: Entries) {
        if into.is_empty() {
            *into = sections;
            return;
        }
        let schema = self.schema.get_or_insert_with(|| schema().to_value());
        self.errors.extend(merge(into, sections, &self.files, schema));
    }

    /// The vars and secrets of a file.
    fn scope(&mut self, number: usize, path: &str, head: &Head, wrong: &[&str], given: &Given) -> Scope {
        let File { name: file, text } = self.files[number].clone();
        let mut scope = Scope::default();
        for name in wrong {
            scope.set_unknown(name);
        }
        let right = |name: &Name| !wrong.contains(&name.0.as_str());
        let at = |placed: (usize, usize), message: String| {
            PlaybookError::at(&file, &text, placed.0, placed.1, message)
        };
        for (name, placed) in head.vars.iter().filter(|(name, _)| right(name)) {
            let place = (placed.line, placed.column);
            if name.0 == "each" || name.0.starts_with("each.") {
                let message = format!("`{name}` cannot be a var: `each` is what `for_each` repeats");
                self.errors
                    .push(at(place, message).with_help(Some("call it otherwise".into())));
            }
            let value = given.iter().rev().find(|(key, _)| *key == name.0);
            // What another file gives has been put together there.
            let value = match value {
                Some((_, Var(Some(text)))) if number > 0 && is_unknown(text) => Err(TOLD.into()),
                Some((_, Var(text))) if number > 0 => Ok(text.clone()),
                Some((_, value)) => expand(&scope, value),
                None => expand(&scope, &placed.value),
            };
            match value {
                Ok(value) => scope.set(&name.0, value),
                Err(cause) => {
                    scope.set_unknown(&name.0);
                    if cause != TOLD {
                        self.errors.push(at(place, cause));
                    }
                }
            }
        }
        let path = self.source.path(path);
        let mut unknown = Vec::new();
        for (name, placed) in head.secrets.iter().filter(|(name, _)| right(name)) {
            let value = match head.vars.contains_key(name) {
                true => Err((
                    format!("`{name}` is a var as well as a secret"),
                    "rename one of the two".to_owned(),
                )),
                false => self.reader.secret(&path, name, &placed.value),
            };
            match value {
                Ok(value) => {
                    let remarks = remarks(&value, &text).into_iter();
                    self.warnings.extend(
                        remarks.map(|remark| format!("{file}:{}: the secret `{name}` {remark}", placed.line)),
                    );
                    self.secrets.add(&value);
                    scope.set(&name.0, Some(value));
                }
                Err(wrong) => {
                    scope.set_unknown(&name.0);
                    unknown.push((placed, wrong));
                }
            }
        }
        // What a command says as it fails may hold any of the others.
        for (placed, (message, help)) in unknown {
            let error = at((placed.line, placed.column), self.secrets.redact(&message));
            self.errors.push(error.with_help(Some(help)));
        }
        scope
    }

    /// Reads the playbooks that a section includes, each once for each entry.
    fn included(&mut self, name: Node, section: Node, whole: &mut Entries) {
        if section.is_null() {
            return;
        }
        let expanded = Expanded::of(&vec![(name, section)]);
        let parsed = from_expanded::<IndexMap<Name, IndexMap<Name, Placed<Include>>>>(&expanded, &self.files);
        self.errors.extend(parsed.errors);
        let all = parsed.value.into_iter().flat_map(IndexMap::into_values).flatten();
        for (_, Placed { value, line, column }) in all {
            let place = expanded.place(line, column);
            match self.include(&value, place, &expanded) {
                Ok(sections) => self.merge(whole, sections),
                Err(errors) => self.errors.extend(errors),
            }
        }
    }

    fn include(
        &mut self,
        include: &Include,
        place: Place,
        expanded: &Expanded,
    ) -> Result<Entries, Vec<PlaybookError>> {
        let wrong = |files: &[File], message: String, help: &str| {
            vec![error(files, place, message).with_help(Some(help.to_owned()))]
        };
        let path = self.parts[place.part].local(&include.playbook.0);
        let path = tidy(Path::new(&path)).display().to_string();
        if let Some((_, line)) = self.way.last_mut() {
            *line = place.line;
        }
        let name = self.named(&path);
        if self.way.iter().any(|(there, _)| *there == path) {
            let way = self.way.iter().skip_while(|(there, _)| *there != path);
            let way: Vec<String> = way
                .map(|(there, line)| format!("{}:{line}", self.named(there)))
                .collect();
            let message = format!("this is a circle: {} → {name}", way.join(" → "));
            return Err(wrong(&self.files, message, "take one `include` out of it"));
        }
        if self.way.len() > DEEPEST || self.files.len() >= MOST {
            let message = format!(
                "{name} is one too many: a playbook consists of {MOST} files at most, and none is included through \
                 more than {DEEPEST} others"
            );
            return Err(wrong(&self.files, message, "include less"));
        }
        let text = self.source.playbook(&path).map_err(|error| {
            let message = format!("{name} cannot be read: {error}");
            wrong(
                &self.files,
                message,
                "the path of a playbook is relative to the file that includes it",
            )
        })?;
        let including = self.files.clone();
        self.file(&name, &text, path, |head, unreadable| {
            let mut errors = Vec::new();
            let mut given = Given::new();
            for (var, placed) in &include.vars {
                if head.vars.contains_key(var) || unreadable.contains(&var.0.as_str()) {
                    given.push((var.0.clone(), placed.value.clone()));
                    continue;
                }
                let known = nearest(&var.0, head.vars.keys().map(|name| name.0.as_str()));
                let message = format!("`{var}` is not a var of {name}{known}");
                let error = expanded.error(&including, placed.line, placed.column, message);
                let help = "`vars` gives values to what the playbook declares under its own `vars`";
                errors.push(error.with_help(Some(help.into())));
            }
            Ok((given, errors))
        })
    }

    /// A file's path as it is told: as that of the playbook's own was given.
    fn named(&self, path: &str) -> String {
        let own = self.files.first().map_or("", |file| file.name.as_str());
        let folder = Path::new(own).parent().unwrap_or(Path::new(""));
        tidy(&folder.join(path)).display().to_string()
    }
}

/// A var's value, with the vars above it put in.
fn expand(scope: &Scope, value: &Var) -> Result<Option<String>, String> {
    match &value.0 {
        None => Ok(None),
        Some(text) => scope.expand(text),
    }
}
