//! Where secrets come from: the environment, files, commands, and files that age encrypted. Each source is read once,
//! however many secrets are taken from it.

use std::collections::HashMap;
use std::env::{self, VarError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indexmap::IndexMap;

use super::age::{self, Identities, Wrong};
use super::head::{Head, SecretSource, Var};
use crate::host::ssh::Person;
use crate::language::Placed;
use crate::language::parse::from_str;
use crate::language::scalar::Name;
use crate::language::scope::nearest;
use crate::language::template;
use crate::secret::{SHORTEST, Secrets};

/// One source, by the words of the playbook.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Env(String),
    File(String),
    Command(Vec<String>),
    Age(String),
}

impl Origin {
    fn of(source: &SecretSource) -> Result<Self, Wrong> {
        let env = source.env.iter().map(|name| Self::Env(name.0.clone()));
        let file = source.file.iter().map(|path| Self::File(path.0.clone()));
        let command = source.command.iter().map(|argv| Self::Command(argv.0.clone()));
        let age = source.age.iter().map(|path| Self::Age(path.0.clone()));
        let mut origins = env.chain(file).chain(command).chain(age);
        match (origins.next(), origins.next()) {
            (Some(origin), None) => Ok(origin),
            _ => Err((
                "a secret has one source".into(),
                "write `{ env: NAME }`, `{ file: PATH }`, `{ command: PROGRAM }` or `{ age: PATH }`".into(),
            )),
        }
    }
}

/// The secrets that files of this machine declare, by the files' paths.
type Here = HashMap<PathBuf, IndexMap<Name, Placed<SecretSource>>>;

/// Reads the secrets of one playbook, and of all that it includes.
pub(super) struct Reader<'a> {
    person: Option<&'a Person>,
    /// Where a host says what the secrets are: what is said here.
    here: Option<Here>,
    /// What sources gave, by the directories of the files that name them.
    read: HashMap<(PathBuf, Origin), Result<String, Wrong>>,
}

impl<'a> Reader<'a> {
    /// For a playbook of this machine.
    pub fn new(person: Option<&'a Person>) -> Self {
        Self {
            person,
            here: None,
            read: HashMap::new(),
        }
    }

    /// For a playbook that a host remembers. It could name any file, variable or program of this machine: those count
    /// that the file names which stands where the host's was applied from.
    pub fn of_host(person: Option<&'a Person>) -> Self {
        Self {
            here: Some(Here::new()),
            ..Self::new(person)
        }
    }

    /// The value of a secret that `file` declares; its paths start from that file's directory.
    pub fn secret(&mut self, file: &Path, name: &Name, source: &SecretSource) -> Result<String, Wrong> {
        let origin = Origin::of(source)?;
        if !self.is_said_here(file, name, &origin) {
            self.ask(file, name, &origin)?;
        }
        self.value(file, origin, source)
    }

    /// A secret's value where it is wanted only to hide it: nobody is asked, and no command run that is not said here.
    pub fn hidden(&mut self, file: &Path, name: &Name, source: &SecretSource) -> Option<String> {
        let origin = Origin::of(source).ok()?;
        let may = !matches!(origin, Origin::Command(_)) || self.is_said_here(file, name, &origin);
        may.then(|| self.value(file, origin, source).ok()).flatten()
    }

    /// Whether a file of this machine says that the secret is this.
    fn is_said_here(&mut self, file: &Path, name: &Name, origin: &Origin) -> bool {
        let Some(here) = &mut self.here else { return true };
        let said = here.entry(file.to_owned()).or_insert_with(|| {
            let is_file = fs::metadata(file).is_ok_and(|there| there.is_file());
            let text = is_file.then(|| fs::read_to_string(file).ok()).flatten();
            let head = text.and_then(|text| from_str::<Head>("", &text).value);
            head.map(|head| head.secrets).unwrap_or_default()
        });
        let said = said.get(name);
        said.is_some_and(|said| Origin::of(&said.value).as_ref() == Ok(origin))
    }

    fn ask(&self, file: &Path, name: &Name, origin: &Origin) -> Result<(), Wrong> {
        let (what, path) = (what(origin, &directory(file)), file.display());
        let question = format!(
            "The host says that the secret `{name}` is {what} of this machine, and {path} does not.\nUse it? [y/N]"
        );
        let answer = self.person.and_then(|person| person.line_now(&question));
        match answer.is_some_and(|answer| ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())) {
            true => Ok(()),
            false => Err((
                format!("the host says that it is {what} of this machine, and {path} does not"),
                "run this where the playbook is that was applied, or on a terminal, where you are asked"
                    .into(),
            )),
        }
    }

    fn value(&mut self, file: &Path, origin: Origin, source: &SecretSource) -> Result<String, Wrong> {
        let directory = directory(file);
        let what = what(&origin, &directory);
        let person = self.person;
        let read = self.read.entry((directory, origin));
        let read = read.or_insert_with_key(|(directory, origin)| text(origin, directory, &what, person));
        let text = read.clone()?;
        let (what, value) = match &source.key {
            None => (what, text),
            Some(key) => {
                let value = of_key(&text, &key.0).map_err(|(cause, help)| (format!("{what} {cause}"), help));
                (format!("`{key}` in {what}"), value?)
            }
        };
        let may_be_empty = source.empty.as_ref().is_some_and(|flag| flag.0);
        match mistake(&value) {
            None => Ok(value),
            Some(_) if may_be_empty && value.is_empty() => Ok(value),
            Some((mistake, help)) => Err((format!("{what} {mistake}"), help)),
        }
    }
}

/// Where the paths of a file start from. That of a bare name has no name of its own.
fn directory(file: &Path) -> PathBuf {
    Path::new(".").join(file.parent().unwrap_or(Path::new("")))
}

/// A source, for people.
fn what(origin: &Origin, directory: &Path) -> String {
    let path = |path: &str| {
        let path = directory.join(path);
        path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path)
    };
    match origin {
        Origin::Env(name) => format!("the environment variable `{name}`"),
        Origin::File(file) | Origin::Age(file) => format!("the file {}", path(file).display()),
        Origin::Command(words) => format!("the command `{}`", words.join(" ")),
    }
}

/// All that a source gives, but for a newline at its end.
fn text(origin: &Origin, directory: &Path, what: &str, person: Option<&Person>) -> Result<String, Wrong> {
    let bytes = match origin {
        Origin::Env(name) => {
            return env::var(name).map_err(|error| match error {
                VarError::NotPresent => (format!("{what} is not set"), "set it, and run again".into()),
                VarError::NotUnicode(_) => (format!("{what} is not text in UTF-8"), "set it to text".into()),
            });
        }
        Origin::File(file) => fs::read(directory.join(file)).map_err(|error| {
            let what = what.trim_start_matches("the file ");
            (
                format!("{what} cannot be read: {error}"),
                "make the file, readable for you alone".into(),
            )
        })?,
        Origin::Command(words) => output(words, directory, what)?,
        Origin::Age(file) => age::open(&directory.join(file), what, &Identities::here(), person)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        (
            format!("{what} does not give text in UTF-8"),
            "a secret is text".into(),
        )
    })?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// What a command prints.
fn output(words: &[String], directory: &Path, what: &str) -> Result<Vec<u8>, Wrong> {
    let (program, arguments) = words.split_first().ok_or_else(Wrong::default)?;
    let program = match program.contains('/') {
        true => std::path::absolute(directory.join(program)).unwrap_or_else(|_| program.into()),
        false => program.into(),
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => (
            format!("{what} cannot be run: there is no such program"),
            "install it, or name it by its path; no shell reads the words".into(),
        ),
        _ => (
            format!("{what} cannot be run: {error}"),
            "make it a program that you may run".into(),
        ),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    // What it printed before it failed may be the secret, and it may have said that as well.
    let mut printed = Secrets::default();
    printed.add(String::from_utf8_lossy(&output.stdout).trim());
    let said = printed.redact(&String::from_utf8_lossy(&output.stderr));
    let said: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let said: String = said.join("; ").chars().filter(|c| !c.is_control()).collect();
    let ended = match output.status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "was ended by a signal".to_owned(),
    };
    let ended = match said.is_empty() {
        true => ended,
        false => format!("{ended}: {said}"),
    };
    Err((
        format!("{what} {ended}"),
        "see what it does in the playbook's directory; it gets no input, and no shell reads its words".into(),
    ))
}

/// The value of a key of a YAML mapping. Nothing that is told shows what else stands there.
fn of_key(text: &str, key: &str) -> Result<String, Wrong> {
    let parsed = from_str::<IndexMap<String, Var>>("", text);
    let Some(values) = parsed.value else {
        return Err((
            "does not give a YAML mapping".into(),
            "write it as lines of `key: value`, or leave `key` out".into(),
        ));
    };
    let is_odd = parsed
        .left_out
        .iter()
        .any(|path| path.first().is_some_and(|first| first == key));
    match values.get(key) {
        Some(Var(Some(value))) => Ok(value.clone()),
        None if !is_odd => Err((
            format!(
                "has no key `{key}`{}",
                nearest(key, values.keys().map(String::as_str))
            ),
            "name a key of its outermost mapping".into(),
        )),
        _ => Err((
            format!("has no text at its key `{key}`"),
            "give the key a text; a secret is one".into(),
        )),
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
pub(super) fn remarks(value: &str, text: &str) -> Vec<&'static str> {
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

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
