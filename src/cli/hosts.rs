//! `hostwright.yml`: the hosts of a folder, so that a command line need not name them and their playbooks.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Failure;
use crate::host::provider::Place;
use crate::language::parse::from_str;
use crate::language::scalar::{Line, LocalPath, Name, optional};
use crate::language::{Placed, PlaybookError, PlaybookErrors};
use crate::playbook::head::Var;

/// The file's name.
const NAME: &str = "hostwright.yml";

/// The hosts of a folder, and of those below it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    /// The hosts, by name. Where there is one, no command line needs to name it.
    hosts: IndexMap<Name, Placed<DeclaredHost>>,
}

/// A host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeclaredHost {
    /// `[user@]host[:port]`, a `Host` alias of `~/.ssh/config`, or `vultr:LABEL`.
    target: Placed<Line>,
    /// What it should be: a playbook, relative to this file.
    #[serde(default, deserialize_with = "optional")]
    playbook: Option<LocalPath>,
    /// Values for vars of that playbook, on this host. `--vars` and `--set` come after them.
    #[serde(default)]
    vars: IndexMap<Name, Var>,
    /// How it is reached, where the SSH configuration does not say it.
    #[serde(default)]
    ssh: Ssh,
}

/// How a host is reached. The same switches of a command line come first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ssh {
    /// The key file to log in with, relative to this file.
    #[serde(default, deserialize_with = "optional")]
    identity: Option<LocalPath>,
    /// The file of known host keys, relative to this file, in place of `~/.ssh/known_hosts`.
    #[serde(default, deserialize_with = "optional")]
    known_hosts: Option<LocalPath>,
    /// The file of the password that makes the remote user root, relative to this file.
    #[serde(default, deserialize_with = "optional")]
    sudo_password_file: Option<LocalPath>,
}

/// Values for vars, by name; null is one of them.
pub(super) type Values = Vec<(String, Option<String>)>;

/// A host that has been looked up.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Its playbook.
    pub playbook: Option<PathBuf>,
    /// Values for the playbook's vars.
    pub vars: Values,
    /// The key file to log in with.
    pub identity: Option<PathBuf>,
    /// The file of known host keys.
    pub known_hosts: Option<PathBuf>,
    /// The file of the password that makes the remote user root.
    pub sudo_password_file: Option<PathBuf>,
}

/// All hosts of the file that counts here.
#[derive(Debug)]
pub(super) struct Hosts {
    file: PathBuf,
    hosts: Vec<Host>,
}

impl Hosts {
    /// Those of the file in this folder, or in the nearest one above that has one; none where there is no such file.
    pub fn here() -> Result<Option<Self>, Failure> {
        let Ok(here) = std::env::current_dir() else {
            return Ok(None);
        };
        let Some(file) = here
            .ancestors()
            .map(|folder| folder.join(NAME))
            .find(|file| file.is_file())
        else {
            return Ok(None);
        };
        // As it would be typed from here.
        let file = file.strip_prefix(&here).map_or(file.clone(), Path::to_path_buf);
        let unreadable = |error: std::io::Error| -> Failure {
            let message = format!("{} cannot be read: {error}", file.display());
            Box::new(PlaybookError::plain(message, "make it readable, in UTF-8"))
        };
        let owner = std::fs::metadata(&file).map_err(unreadable)?.uid();
        let own = std::fs::metadata(&here).map_err(unreadable)?.uid();
        // A folder above may be anybody's, /tmp say; what stands there says where secrets go.
        if ![0, own, rustix::process::geteuid().as_raw()].contains(&owner) {
            return Err(Box::new(PlaybookError::plain(
                format!(
                    "{} belongs to another user than this folder and you",
                    file.display()
                ),
                "remove it, or give it to yourself (`chown`), if you know what it says",
            )));
        }
        let text = std::fs::read_to_string(&file).map_err(unreadable)?;
        Self::read(file, &text)
            .map(Some)
            .map_err(|errors| Box::new(errors) as Failure)
    }

    fn read(file: PathBuf, text: &str) -> Result<Self, PlaybookErrors> {
        let name = file.display().to_string();
        let parsed = from_str::<Declared>(&name, text);
        let mut errors = parsed.errors;
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut hosts = Vec::new();
        for (host, placed) in parsed.value.into_iter().flat_map(|declared| declared.hosts) {
            let DeclaredHost {
                target,
                playbook,
                vars,
                ssh,
            } = placed.value;
            let place = match target.value.0.parse::<Place>() {
                Ok(place) => place,
                Err(error) => {
                    let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
                    let error = PlaybookError::at(&name, text, target.line, target.column, error.to_string());
                    errors.push(error.with_help(help));
                    continue;
                }
            };
            let path = |path: LocalPath| local(&folder, &path.0);
            hosts.push(Host {
                name: host.0,
                place,
                playbook: playbook.map(path),
                vars: vars.into_iter().map(|(name, value)| (name.0, value.0)).collect(),
                identity: ssh.identity.map(path),
                known_hosts: ssh.known_hosts.map(path),
                sudo_password_file: ssh.sudo_password_file.map(path),
            });
        }
        match errors.is_empty() {
            true => Ok(Self { file, hosts }),
            false => Err(PlaybookErrors::new(&name, errors)),
        }
    }

    /// The host of this name.
    pub fn named(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The only one.
    pub fn only(&self) -> Result<&Host, Failure> {
        let file = self.file.display();
        match &self.hosts[..] {
            [host] => Ok(host),
            [] => Err(Box::new(PlaybookError::plain(
                format!("no TARGET is given, and {file} has no host"),
                "name one: `root@203.0.113.7`, or write it there",
            ))),
            several => {
                let names: Vec<&str> = several.iter().map(|host| host.name.as_str()).collect();
                Err(Box::new(PlaybookError::plain(
                    format!(
                        "{file} has several hosts, and none is named: {}",
                        names.join(", ")
                    ),
                    format!("name one of them as TARGET: `{}`", names[0]),
                )))
            }
        }
    }
}

/// No host is named, and none is declared.
pub(super) fn nowhere() -> Failure {
    Box::new(PlaybookError::plain(
        format!("no TARGET is given, and neither this folder nor one above it has a {NAME}"),
        format!(
            "name a host: `root@203.0.113.7`; or write into {NAME}: `hosts: {{ web: {{ target: \
             root@203.0.113.7, playbook: site.yml }} }}`"
        ),
    ))
}

/// No playbook is named, and none is declared.
pub(super) fn no_playbook(host: Option<&Host>) -> Failure {
    let message = match host {
        Some(host) => format!("no PLAYBOOK is given, and {NAME} names none for {}", host.name),
        None => format!(
            "no PLAYBOOK is given, and neither this folder nor one above it has a {NAME} that names one"
        ),
    };
    Box::new(PlaybookError::plain(
        message,
        "name a playbook: `site.yml`; `hostwright new` writes one",
    ))
}

/// A path of this machine, from `folder` or the home folder on.
fn local(folder: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_their_paths() {
        let text = "hosts:\n  web:\n    target: root@203.0.113.7\n    playbook: site.yml\n    vars: { domain: a.example, none: }\n    ssh: { identity: keys/web, known_hosts: /etc/known }\n";
        let hosts = Hosts::read("sub/hostwright.yml".into(), text).expect("hosts");
        let host = hosts.only().expect("one");
        assert_eq!(host.playbook.as_deref(), Some(Path::new("sub/site.yml")));
        assert_eq!(host.identity.as_deref(), Some(Path::new("sub/keys/web")));
        assert_eq!(host.known_hosts.as_deref(), Some(Path::new("/etc/known")));
        assert_eq!(
            host.vars,
            [("domain".into(), Some("a.example".into())), ("none".into(), None)]
        );
        assert!(hosts.named("wbe").is_none());
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, wanted) in [
            ("hosts: { web: { target: 'a b' } }", "has a character"),
            ("hosts: { web: { playbook: a.yml } }", "`target` is missing here"),
            ("hots: {}", "did you mean `hosts`?"),
        ] {
            let errors = Hosts::read("hostwright.yml".into(), text).expect_err(text);
            let mut told = String::new();
            let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
            handler.render_report(&mut told, &errors).expect("text");
            assert!(
                told.contains(wanted) && told.contains("hostwright.yml:1:"),
                "{told}"
            );
        }
    }
}
