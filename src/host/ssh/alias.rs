//! An alias for a host in `~/.ssh/config`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::config::host_patterns;
use super::options::{Options, user_file};

/// What an alias says.
#[derive(Debug, Clone)]
pub struct Alias {
    /// What is written in place of the host.
    pub name: String,
    /// The name or address to look up.
    pub host_name: String,
    /// The port, if it is another than 22.
    pub port: Option<u16>,
    /// The remote user.
    pub user: String,
    /// The key to log in with.
    pub key: PathBuf,
}

/// Why an alias was not written.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "the fields are those of the message")]
pub enum AliasError {
    /// It is no name.
    #[error("`{name}` is no alias")]
    #[diagnostic(help("an alias has no blanks, quotes, wildcards or `@`, `:` and `/`"))]
    Name { name: String },

    /// It is there.
    #[error("the alias {name} is there already, at {place}")]
    #[diagnostic(help("give another name, or change those lines by hand"))]
    There { name: String, place: String },

    /// The file cannot be read or written.
    #[error("cannot write {}: {cause}", file.display())]
    #[diagnostic(help("check its permissions"))]
    File { file: PathBuf, cause: String },
}

impl Alias {
    /// Writes it ahead of all blocks, whose lines would count before it, and behind what holds for all hosts.
    /// Returns the file.
    ///
    /// # Errors
    /// [`AliasError`]; then nothing was written.
    pub fn write(&self, options: &Options) -> Result<PathBuf, AliasError> {
        let name = self.name.clone();
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'\\*?!@:/,#=".contains(c);
        if name.is_empty() || name.starts_with('-') || name.contains(odd) {
            return Err(AliasError::Name { name });
        }
        let file = user_file(options);
        let unusable = |error: io::Error| AliasError::File {
            file: file.clone(),
            cause: error.to_string(),
        };
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(unusable)?,
        };
        if let Some(line) = line_of(&text, &name) {
            let place = format!("{}:{line}", file.display());
            return Err(AliasError::There { name, place });
        }
        replace(&file, &self.put_into(&text)).map_err(unusable)?;
        Ok(file)
    }

    fn put_into(&self, text: &str) -> String {
        let is_block = |line: &&str| {
            let word = line
                .trim_start()
                .split([' ', '\t', '='])
                .next()
                .unwrap_or_default();
            word.eq_ignore_ascii_case("host") || word.eq_ignore_ascii_case("match")
        };
        let before: usize = text
            .split_inclusive('\n')
            .take_while(|line| !is_block(line))
            .map(str::len)
            .sum();
        let (global, blocks) = text.split_at(before);
        let mut new = global.to_owned();
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new + &self.block() + if blocks.is_empty() { "" } else { "\n" } + blocks
    }

    fn block(&self) -> String {
        let mut block = format!("Host {}\n  HostName {}\n", self.name, self.host_name);
        let mut add = |key: &str, value: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = writeln!(block, "  {key} {value}");
        };
        if let Some(port) = self.port {
            add("Port", &port);
        }
        add("User", &self.user);
        add("IdentityFile", &format!("\"{}\"", self.key.display()));
        add("IdentitiesOnly", &"yes");
        // A connection through a router that forgets idle ones stays; one that is gone is noticed in 3 minutes.
        add("ServerAliveInterval", &60);
        add("ServerAliveCountMax", &3);
        block
    }
}

/// The line of a `Host` that names it as it stands.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let names = |line: &str| {
        host_patterns(line).is_some_and(|patterns| patterns.iter().any(|pattern| pattern == name))
    };
    text.lines().position(names).map(|index| index + 1)
}

/// Whole or not at all; a link stays one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let new = file.with_extension("hostwright-new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&new)?.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(&file) {
        fs::set_permissions(&new, old.permissions())?;
    }
    fs::rename(&new, &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias() -> Alias {
        Alias {
            name: "web".into(),
            host_name: "203.0.113.7".into(),
            port: Some(2222),
            user: "root".into(),
            key: "/home/ann/my keys/id".into(),
        }
    }

    #[test]
    fn it_stands_between_what_is_for_all_and_the_blocks() {
        let block = "Host web\n  HostName 203.0.113.7\n  Port 2222\n  User root\n  IdentityFile \"/home/ann/my keys/id\"\n  \
                     IdentitiesOnly yes\n  ServerAliveInterval 60\n  ServerAliveCountMax 3\n";
        for (before, after) in [
            ("", ""),
            ("# mine\nAddKeysToAgent yes\n", ""),
            ("", "Host *\n User ann\n"),
        ] {
            let text = format!("{before}{after}");
            let gap = if after.is_empty() { "" } else { "\n" };
            assert_eq!(alias().put_into(&text), format!("{before}{block}{gap}{after}"));
        }
        assert!(
            alias()
                .put_into("Compression yes")
                .starts_with("Compression yes\nHost web\n")
        );
    }

    #[test]
    fn one_that_is_there_is_named_by_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        let options = Options {
            config: Some(file.clone()),
            ..Options::default()
        };
        assert_eq!(alias().write(&options).unwrap(), file);
        fs::write(&file, format!("# mine\n{}", fs::read_to_string(&file).unwrap())).unwrap();
        let there = alias().write(&options).unwrap_err();
        assert!(
            matches!(&there, AliasError::There { place, .. } if *place == format!("{}:2", file.display()))
        );
        for name in ["", "a b", "*", "-o", "a@b"] {
            let odd = Alias {
                name: name.into(),
                ..alias()
            };
            assert!(
                matches!(odd.write(&options), Err(AliasError::Name { .. })),
                "{name}"
            );
        }
    }
}
