//! The person at the terminal: what is asked while a connection is made, and the passwords that are given beforehand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::sync::LazyLock;

use crate::host::ssh::{Ask, Password, Person};

/// Asks on the terminal itself, wherever input and output go.
struct Terminal;

impl Ask for Terminal {
    fn secret(&self, question: &str) -> Option<String> {
        rpassword::prompt_password(format!("{question} ")).ok()
    }

    fn line(&self, question: &str) -> Option<String> {
        let mut terminal = terminal().ok()?;
        write!(terminal, "{question} ")
            .and_then(|()| terminal.flush())
            .ok()?;
        let mut line = String::new();
        let read = BufReader::new(terminal).read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned())
    }
}

fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// It is one person who is asked, whoever asks: the passphrase of an SSH key is that of the age identity, too.
static PERSON: LazyLock<Person> = LazyLock::new(|| Person::new(Terminal));

/// Whoever can be asked: nobody where input comes from elsewhere, unless that is wanted.
pub(super) fn person(wanted: bool) -> Option<Person> {
    let is_there = (wanted || io::stdin().is_terminal()) && terminal().is_ok();
    is_there.then(|| PERSON.clone())
}

/// A file that should hold a password does not.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read a password from {file}: {cause}")]
#[diagnostic(help("its first line must be the password"))]
pub(super) struct NoPassword {
    file: String,
    cause: String,
}

/// The password of a file's first line, or of an environment variable, which must not be empty.
pub(super) fn password(file: Option<&Path>, variable: &str) -> Result<Option<Password>, NoPassword> {
    let Some(file) = file else {
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
        return Ok(value.map(Password::new));
    };
    let unusable = |cause: String| NoPassword {
        file: file.display().to_string(),
        cause,
    };
    let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(Password::new(line))),
        _ => Err(unusable("it is empty".to_owned())),
    }
}
