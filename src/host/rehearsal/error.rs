//! What can go wrong with a throwaway host, in words for a person.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where images and hosts live on this machine.
pub(super) const CACHE: &str = "/var/cache/hostwright";

/// Something that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What, for a person.
    pub what: String,
    /// The Debian and Ubuntu package that brings it, if one does.
    pub package: Option<&'static str>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Why a throwaway host, or the image for one, could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RehearsalError {
    /// This machine lacks something that every throwaway host needs.
    #[error("this machine cannot boot throwaway hosts: it lacks {}", list(.0))]
    #[diagnostic(help("{}", remedy(.0)))]
    Missing(Vec<Missing>),

    /// A program could not be started at all.
    #[error("cannot run {program}: {source}")]
    #[diagnostic(help("is {program} installed and on the PATH?"))]
    Start {
        /// The program's name.
        program: String,
        /// Why not.
        source: io::Error,
    },

    /// A program ran and failed.
    #[error("`{command}` failed ({status}){}", said(.output))]
    #[diagnostic(help("{help}"))]
    Command {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines of what it wrote.
        output: String,
        /// What to do about it.
        help: String,
    },

    /// A file, directory or mount could not be made, read or removed.
    #[error("cannot {action} {}: {source}", path.display())]
    #[diagnostic(help(
        "throwaway hosts need root, and room under {} on a disk that is not itself an overlay",
        CACHE
    ))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// This machine's apt sources do not say where packages come from.
    #[error("found no Debian or Ubuntu archive for {suite} in this machine's apt sources")]
    #[diagnostic(help("have an entry for {suite} in /etc/apt/sources.list or /etc/apt/sources.list.d"))]
    NoArchive {
        /// The release that was looked for.
        suite: String,
    },

    /// Every address for throwaway hosts is taken.
    #[error("every address in 10.99.0.0/16 is taken")]
    #[diagnostic(help("remove kept hosts, or the interface on this machine that has the whole range"))]
    NoAddress,

    /// The host's name is not one.
    #[error("`{name}` is not a host name")]
    #[diagnostic(help("use 1 to 63 of a-z, 0-9 and -, with no - at either end"))]
    BadName {
        /// What was given.
        name: String,
    },

    /// No kept host has that name.
    #[error("no kept host is called `{name}`")]
    #[diagnostic(help("kept now: {kept}"))]
    NotKept {
        /// What was given.
        name: String,
        /// Those that there are.
        kept: String,
    },

    /// The host was started and did not come up.
    #[error("host {name} did not come up: {reason}{}", said(.console))]
    #[diagnostic(help(
        "the lines above are its console; a machine that is short of memory or room shows there"
    ))]
    NotUp {
        /// The host.
        name: String,
        /// What was awaited.
        reason: String,
        /// The last lines of its console.
        console: String,
    },

    /// Something was asked of a host that is not running.
    #[error("host {name} is not running")]
    #[diagnostic(help("start it first"))]
    Down {
        /// The host.
        name: String,
    },
}

impl RehearsalError {
    /// Makes an I/O error into one that says what was done to what: `.map_err(io("read", &path))`.
    pub(super) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source,
        }
    }
}

/// The last `lines` lines of `text` that say something, without colours.
pub(super) fn tail(text: &[u8], lines: usize) -> String {
    let text = anstream::adapter::strip_bytes(text).into_vec();
    let text = String::from_utf8_lossy(&text);
    let said: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    said[said.len().saturating_sub(lines)..].join("\n")
}

fn said(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!(":\n{output}")
    }
}

fn list(missing: &[Missing]) -> String {
    missing
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn remedy(missing: &[Missing]) -> String {
    let mut packages: Vec<&str> = missing.iter().filter_map(|missing| missing.package).collect();
    packages.dedup();
    if packages.is_empty() {
        "run as root on a Debian or Ubuntu machine".to_owned()
    } else {
        format!("apt-get install {}", packages.join(" "))
    }
}
