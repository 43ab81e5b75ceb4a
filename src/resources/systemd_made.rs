//! The files that are made of what a playbook says of a unit: its own one, or a drop-in beside a package's, and one for
//! the secrets of its environment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::systemd_text::{Directives, Sections, assignment, line, literal, variable};
use super::systemd_unit::Unit;
use crate::change::Content;
use crate::language::scalar::{AbsPath, Duration};
use crate::language::template::object;
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;

/// Where they stand.
pub(super) const FOLDER: &str = "/etc/systemd/system/";

/// A unit whose files are made.
pub(super) struct Made<'a> {
    /// What the playbook says of it.
    pub declared: &'a Unit,
    /// Its whole name: `app.service`.
    pub name: &'a str,
    /// Whether a timer, a socket or a path of the playbook starts it.
    pub is_triggered: bool,
}

impl Made<'_> {
    /// The files, in the order in which they are put in place.
    pub fn files(&self, cx: &Render<'_>) -> Result<Vec<ManagedFile>, Problem> {
        self.refuse_kinds()?;
        if let Some(template) = &self.declared.template {
            self.refuse_beside_template()?;
            let content = cx.template(&template.0, object(json!({ "name": self.name })))?;
            return Ok(vec![self.file(self.path(), content.bytes.to_vec(), cx)?]);
        }
        let own = self.declared.has_own_file();
        if own && self.declared.drop_in.is_some() {
            return Err(Problem::new(
                "`drop_in` alters a unit that others bring, and this one's own file is made here",
                "say it under `unit`",
            ));
        }
        let (secret, open) = self.environment(cx)?;
        let secrets = (!secret.is_empty()).then(|| format!("{}.env", self.path()));
        let mut directives = Directives::default();
        if own {
            self.usual(&mut directives);
        }
        self.fields(&mut directives, &open, secrets.as_deref());
        let (sections, said) = match own {
            true => (&self.declared.unit, "unit"),
            false => (&self.declared.drop_in, "drop_in"),
        };
        if let Some(sections) = sections {
            self.refuse_foreign(sections)?;
            directives.sections(sections, said)?;
        }
        let mut files = Vec::new();
        if let Some(path) = secrets {
            // Escaped, the secret would not be found in it.
            let content = Content::new(format!("{}{secret}", head(cx)).into_bytes(), true);
            files.push(ManagedFile::new(path, content));
        }
        if !directives.is_empty() {
            let path = match own {
                true => self.path(),
                false => format!("{}.d/{}.conf", self.path(), cx.document.name),
            };
            let text = directives.text(&head(cx))?;
            files.push(self.file(path, text.into_bytes(), cx)?);
        }
        Ok(files)
    }

    fn path(&self) -> String {
        format!("{FOLDER}{}", self.name)
    }

    /// Whether it is a template, of which instances are made.
    fn is_template(&self) -> bool {
        self.name.contains("@.")
    }

    /// The sort of unit that it is: `service`.
    fn sort(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// A file that all may read, and that systemd shows to all.
    fn file(&self, path: String, text: Vec<u8>, cx: &Render<'_>) -> Result<ManagedFile, Problem> {
        let content = cx.content(text);
        match content.secret {
            false => Ok(ManagedFile::new(path, content)),
            true => Err(Problem::new(
                format!(
                    "{path} would hold a secret, and systemd shows what stands there to everyone on the host"
                ),
                "say it under `environment`, whose secrets stand in a file of root's, or put it into a file (mode 0600)",
            )),
        }
    }

    /// Variables that hold a secret, as a file for systemd, and the others.
    fn environment(&self, cx: &Render<'_>) -> Result<(String, Vec<String>), Problem> {
        let (mut secret, mut open) = (String::new(), Vec::new());
        for (name, value) in &self.declared.environment {
            variable(&name.0)?;
            match cx.document.secrets.taint(value.0.as_bytes()) {
                true => secret += &line(&name.0, value),
                false => open.push(assignment(&name.0, value, self.is_template())),
            }
        }
        Ok((secret, open))
    }

    /// What is right for most units of its sort.
    fn usual(&self, all: &mut Directives) {
        // An instance says which one it is.
        let description = self.name.replacen("@.", "@%i.", 1);
        let description = description.trim_end_matches(".service");
        all.usual("Unit", "Description", description);
        let target = match self.sort() {
            "service" => {
                all.usual("Unit", "Wants", "network-online.target");
                all.usual("Unit", "After", "network-online.target");
                // `simple` would count as started before there is a program.
                all.usual("Service", "Type", "exec");
                if !self.declared.is_oneshot() {
                    all.usual("Service", "Restart", "on-failure");
                    all.usual("Service", "RestartSec", "5s");
                }
                (!self.is_triggered).then_some("multi-user.target")
            }
            "timer" => Some("timers.target"),
            "socket" => Some("sockets.target"),
            "path" => Some("paths.target"),
            "slice" => None,
            _ => Some("multi-user.target"),
        };
        if let Some(target) = target {
            all.usual("Install", "WantedBy", target);
        }
    }

    fn fields(&self, all: &mut Directives, open: &[String], secrets: Option<&str>) {
        let unit = self.declared;
        let seconds = |time: &Option<Duration>| time.as_ref().map(|time| format!("{}s", time.0));
        let path = |path: &AbsPath| literal(&path.0, self.is_template());
        let mut say = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                all.field("Service", key, value);
            }
        };
        say("Type", unit.kind.as_ref().map(ToString::to_string));
        say("User", unit.user.as_ref().map(ToString::to_string));
        say("Group", unit.group.as_ref().map(ToString::to_string));
        say("WorkingDirectory", unit.directory.as_ref().map(path));
        for assignment in open {
            say("Environment", Some(assignment.clone()));
        }
        say("EnvironmentFile", unit.environment_file.as_ref().map(path));
        say("EnvironmentFile", secrets.map(str::to_owned));
        say("ExecStart", unit.command.as_ref().map(ToString::to_string));
        say("ExecReload", unit.exec_reload.as_ref().map(ToString::to_string));
        say("Restart", unit.restart.as_ref().map(ToString::to_string));
        say("RestartSec", seconds(&unit.restart_sec));
        say("TimeoutStopSec", seconds(&unit.timeout_stop));
    }

    /// Refuses what says how a service runs, of a unit that is none.
    fn refuse_kinds(&self) -> Result<(), Problem> {
        match self.declared.service_fields().first() {
            Some(field) if self.sort() != "service" => Err(Problem::new(
                format!("`{field}` says how a service runs, and {} is none", self.name),
                format!(
                    "say it of the service, and of {} what stands in its file: `unit`",
                    self.name
                ),
            )),
            _ => Ok(()),
        }
    }

    fn refuse_beside_template(&self) -> Result<(), Problem> {
        let unit = self.declared;
        let sections = [(unit.unit.is_some(), "unit"), (unit.drop_in.is_some(), "drop_in")];
        let sections = sections
            .into_iter()
            .filter_map(|(said, name)| said.then_some(name));
        match unit.service_fields().into_iter().chain(sections).next() {
            None => Ok(()),
            Some(field) => Err(Problem::new(
                format!(
                    "`template` is the whole file of {}, and `{field}` says what stands in it, too",
                    self.name
                ),
                format!("put it into the template, or take `{field}` out"),
            )),
        }
    }

    /// Refuses sections that systemd would pass over in a unit of this sort.
    fn refuse_foreign(&self, sections: &Sections) -> Result<(), Problem> {
        let own = self.sort();
        let fits = |name: &str| {
            matches!(name, "Unit" | "Install") || name.starts_with("X-") || name.to_ascii_lowercase() == own
        };
        match sections.keys().find(|section| !fits(&section.0)) {
            None => Ok(()),
            Some(section) => {
                let stem = self.name.strip_suffix(own).unwrap_or(self.name);
                Err(Problem::new(
                    format!("systemd reads no section [{section}] of {}", self.name),
                    format!(
                        "declare {stem}{}, and say it there",
                        section.0.to_ascii_lowercase()
                    ),
                ))
            }
        }
    }
}

/// The first line of what is made here.
pub(super) fn head(cx: &Render<'_>) -> String {
    format!(
        "# Managed by hostwright ({}): changes made here are undone by the next apply.\n",
        cx.document.name
    )
}

/// What the playbook says of units, for who must know it of others. All names are whole.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The units that it declares.
    declared: BTreeSet<String>,
    /// What those of them start that wait for something: timers, sockets and paths.
    starts: BTreeMap<String, String>,
}

impl Known {
    /// Notes a unit.
    pub fn note(&mut self, name: &str, declared: &Unit) {
        self.declared.insert(name.to_owned());
        let Some((stem, sort)) = name.rsplit_once('.') else {
            return;
        };
        let (section, key) = match sort {
            "timer" => ("Timer", "Unit"),
            "path" => ("Path", "Unit"),
            "socket" => ("Socket", "Service"),
            _ => return,
        };
        let said = declared.said(section, key).map(str::to_owned);
        let started = said.unwrap_or_else(|| format!("{stem}.service"));
        self.starts.insert(name.to_owned(), started);
    }

    /// Whether a unit is declared.
    pub fn declares(cx: &Render<'_>, name: &str) -> bool {
        cx.announced::<Self>().any(|known| known.declared.contains(name))
    }

    /// Whether a timer, a socket or a path starts a unit.
    pub fn triggers(cx: &Render<'_>, name: &str) -> bool {
        let mut all = cx.announced::<Self>().flat_map(|known| known.starts.values());
        all.any(|started| started == name)
    }

    /// What a timer, a socket or a path starts.
    pub fn started_by(cx: &Render<'_>, name: &str) -> Option<String> {
        cx.announced::<Self>()
            .find_map(|known| known.starts.get(name).cloned())
    }
}
