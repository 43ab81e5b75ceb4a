//! From a playbook's path to its declarations: vars, secrets and what the command line sets.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::Playbook;
use super::bundle::Bundle;
use super::head::{Given, Head, Var};
use super::parts::Reading;
use super::secrets::Reader;
use crate::host::ssh::Person;
use crate::language::document::Document;
use crate::language::expanded::Expanded;
use crate::language::node::Entries;
use crate::language::parse::{from_expanded, from_str};
use crate::language::scalar::Name;
use crate::language::scope::nearest;
use crate::language::source::{Read, Source};
use crate::language::{PlaybookError, PlaybookErrors};
use crate::secret::Secrets;

/// What the command line says about vars.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// What the host's own declaration gives; all others come after it.
    pub host: Vec<(String, Option<String>)>,
    /// `key=value` pairs; the last one wins.
    pub set: Vec<(String, String)>,
    /// A YAML file of values.
    pub vars: Option<PathBuf>,
    /// Whether the playbook's `rehearsal` values apply.
    pub rehearsal: bool,
    /// Who can be asked for what opens a secret.
    pub person: Option<Person>,
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
    /// What they were read from.
    whole: Entries,
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
    let secrets = Reader::new(overrides.person.as_ref());
    from_text(file.clone(), text, source, secrets, |head, wrong| {
        given(head, wrong, &file, overrides)
    })
}

/// Reads the playbook of a bundle that a host remembers, of whose contents `read` are there. Secrets come from where they
/// come from today, as far as this machine's playbook says so, too, or the person does. On a rehearsal the playbook's
/// `rehearsal` values come before those that were given.
///
/// # Errors
/// What is wrong and where.
pub fn reload(
    bundle: &Bundle,
    read: Read,
    rehearsal: bool,
    person: Option<&Person>,
) -> Result<Loaded, PlaybookErrors> {
    let source = Source::noted(Path::new(&bundle.directory), read);
    let vars = bundle.vars.iter();
    let mut given: Given = vars
        .map(|(name, value)| (name.clone(), Var(value.clone())))
        .collect();
    let (file, text) = (bundle.file.clone(), bundle.text.clone());
    from_text(file, text, source, Reader::of_host(person), |head, _| {
        if rehearsal {
            given.extend(rehearsed(head));
        }
        Ok((given, Vec::new()))
    })
}

/// The secrets of a bundle's playbook that can be had here and now, to hide them, whatever else of it cannot be read.
pub fn secrets_of(bundle: &Bundle) -> Secrets {
    let mut secrets = Secrets::default();
    let mut reader = Reader::of_host(None);
    let directory = Path::new(&bundle.directory);
    let own = Path::new(&bundle.file).file_name().unwrap_or_default();
    let included = bundle.included.iter();
    let included = included.map(|(path, text)| (directory.join(path), text));
    for (file, text) in std::iter::once((directory.join(own), &bundle.text)).chain(included) {
        let head = from_str::<Head>(&bundle.file, text).value;
        for (name, placed) in head.iter().flat_map(|head| &head.secrets) {
            if let Some(value) = reader.hidden(&file, name, &placed.value) {
                secrets.add(&value);
            }
        }
    }
    secrets
}

fn from_text(
    file: String,
    text: String,
    source: Source,
    secrets: Reader<'_>,
    given: impl FnOnce(&Head, &[&str]) -> Result<(Given, Vec<PlaybookError>), PlaybookError>,
) -> Result<Loaded, PlaybookErrors> {
    let mut reading = Reading::new(&source, secrets);
    let mut own = Given::new();
    let whole = reading.whole(&file, &text, |head, wrong| {
        let (given, errors) = given(head, wrong)?;
        own.clone_from(&given);
        Ok((given, errors))
    })?;
    let Reading {
        files,
        parts,
        secrets,
        mut errors,
        warnings,
        ..
    } = reading;
    let expanded = Expanded::of(&whole);
    let parsed = from_expanded::<Playbook>(&expanded, &files);
    errors.extend(parsed.errors);
    let Some(playbook) = parsed.value else {
        return Err(PlaybookErrors::new(&file, errors));
    };
    Ok(Loaded {
        document: Document {
            name: playbook.name.0.clone(),
            files,
            parts,
            expanded,
            source,
            secrets,
            left_out: parsed.left_out,
        },
        whole,
        playbook,
        given: own.into_iter().map(|(name, value)| (name, value.0)).collect(),
        errors,
        warnings,
    })
}

impl Loaded {
    /// The playbook as it was read in the end: others included, entries repeated, variables put in, secrets hidden.
    pub fn print(&self) -> String {
        let mut whole = self.whole.clone();
        for (key, value) in &mut whole {
            key.redact(&self.document.secrets);
            value.redact(&self.document.secrets);
        }
        Expanded::of(&whole).text().to_owned()
    }
}

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
    let host = overrides.host.iter();
    let mut given: Given = host
        .map(|(name, value)| (name.clone(), Var(value.clone())))
        .collect();
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
                "--set, --vars, `rehearsal` and hostwright.yml give values to what the playbook declares under `vars`",
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
