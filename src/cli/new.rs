//! `hostwright new`: a first playbook, by a few questions.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::ValueEnum;

use super::common::boxed;
use super::prompt::{is_interactive, typed};
use super::starter::{Wanted, What};
use super::{Exit, Failure};
use crate::host::provider::Place;
use crate::language::PlaybookError;
use crate::language::scalar::{Domain, Name, Port};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it is written; this folder unless given
    directory: Option<PathBuf>,
    /// What the server is for; asked for on a terminal unless given, and so are all others
    #[arg(long, value_enum)]
    what: Option<What>,
    /// What the playbook is called; as the folder is unless given
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<Name>,
    /// The name by which it is served over HTTPS
    #[arg(long, value_name = "NAME", value_parser = Domain::from_str)]
    domain: Option<Domain>,
    /// Where the program listens
    #[arg(long, value_name = "PORT", value_parser = Port::from_str)]
    port: Option<Port>,
    /// The server, as TARGET is elsewhere: it is written into hostwright.yml
    #[arg(long, value_name = "TARGET")]
    host: Option<Place>,
}

pub(super) fn run(args: &Args) -> Exit {
    let directory = args.directory.clone().unwrap_or_else(|| ".".into());
    let wanted = wanted(args, &directory)?;
    let (file, text) = wanted.playbook();
    write(&directory, &file, &text, true)?;
    let beside = wanted.beside().into_iter().chain(wanted.hosts());
    for (file, text) in beside {
        write(&directory, &file, &text, false)?;
    }
    let path = shown(&directory, &file);
    anstream::println!("\nNext: `hostwright check {path}`, then `hostwright rehearse {path}`.");
    Ok(ExitCode::SUCCESS)
}

/// What is given, and asked for.
fn wanted(args: &Args, directory: &Path) -> Result<Wanted, Failure> {
    let is_asked = is_interactive();
    let what = match args.what {
        Some(what) => what,
        None if is_asked => {
            for choice in What::value_variants() {
                let value = choice.to_possible_value();
                let (name, help) = value.as_ref().map_or(("", String::new()), |value| {
                    (
                        value.get_name(),
                        value.get_help().map(ToString::to_string).unwrap_or_default(),
                    )
                });
                anstream::println!("  {name:<5} {help}");
            }
            until("What is the server for?", "site", |text| {
                What::from_str(text, true)
            })
        }
        None => {
            return Err(boxed(PlaybookError::plain(
                "new asks what the server is for, and there is no terminal to ask on",
                "give --what site, --what app or --what base",
            )));
        }
    };
    let usual = usual_name(directory);
    let called = match &args.name {
        Some(name) => name.clone(),
        None if is_asked => until("What is the playbook called?", &usual, name),
        None => Name(usual),
    };
    let is_served = what != What::Base;
    let domain = match &args.domain {
        Some(domain) => Some(domain.clone()),
        None if is_asked && is_served => maybe("By which domain is it served? (empty for none yet)"),
        None => None,
    };
    let port = match &args.port {
        Some(port) => port.clone(),
        None if is_asked && what == What::App => {
            until("Where does the program listen?", "8000", Port::from_str)
        }
        None => Port(8000),
    };
    let host = match &args.host {
        Some(place) => Some(place.to_string()),
        None if is_asked => maybe::<Place>("Which server is it? (root@203.0.113.7, or empty for none yet)")
            .map(|place| place.to_string()),
        None => None,
    };
    Ok(Wanted {
        name: called,
        what,
        domain,
        port,
        host,
    })
}

/// A name that a user, a unit and a file can have, too.
fn name(text: &str) -> Result<Name, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // A file of that name means something else.
    let is_free = text != "hostwright";
    match text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(fits)
        && text.len() <= 32
        && is_free
    {
        true => Ok(Name(text.to_owned())),
        false => Err(format!(
            "`{text}` cannot be the name: up to 32 lower-case letters, digits and `-`, a letter first, and not `hostwright`"
        )),
    }
}

/// Asks until the answer can be read; the usual one counts where nothing is typed.
fn until<T>(question: &str, usual: &str, read: impl Fn(&str) -> Result<T, String>) -> T {
    loop {
        let answer = typed(&format!("{question} [{usual}]"));
        let answer = if answer.is_empty() { usual } else { &answer };
        match read(answer) {
            Ok(value) => return value,
            Err(wrong) => anstream::println!("{wrong}"),
        }
    }
}

/// Asks until the answer can be read, or is empty.
fn maybe<T: FromStr<Err: ToString>>(question: &str) -> Option<T> {
    loop {
        let answer = typed(question);
        if answer.is_empty() {
            return None;
        }
        match answer.parse() {
            Ok(value) => return Some(value),
            Err(wrong) => anstream::println!("{}", wrong.to_string()),
        }
    }
}

/// The folder's name, as far as a playbook can be called so.
fn usual_name(directory: &Path) -> String {
    let whole = std::path::absolute(directory).unwrap_or_default();
    let folder = whole
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
    let fits = |c: char| c.is_ascii_alphanumeric();
    let called: String = folder.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    name(&called).map_or_else(|_| "server".to_owned(), |name| name.0)
}

fn shown(directory: &Path, file: &str) -> String {
    match directory == Path::new(".") {
        true => file.to_owned(),
        false => directory.join(file).display().to_string(),
    }
}

/// Writes a file that is not there yet. What is there stays: for the playbook that is an error.
fn write(directory: &Path, file: &str, text: &str, must_be_new: bool) -> Result<(), Failure> {
    let path = directory.join(file);
    let name = shown(directory, file);
    let make = || {
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        let mut file = fs::File::options().write(true).create_new(true).open(&path)?;
        file.write_all(text.as_bytes())
    };
    match make() {
        Ok(()) => anstream::println!("Wrote {name}"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !must_be_new => {
            anstream::println!("Left {name} as it is");
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(boxed(PlaybookError::plain(
                format!("{name} is there already"),
                "remove it, or give another --name",
            )));
        }
        Err(error) => {
            return Err(boxed(PlaybookError::plain(
                format!("{name} cannot be written: {error}"),
                "name a folder that you may write to",
            )));
        }
    }
    Ok(())
}
