//! What a playbook says of a systemd unit.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::instances::Instances;
use super::systemd_text::Sections;
use crate::language::scalar::{AbsPath, Duration, Flag, Line, LocalPath, Name, Text, optional};
use crate::language::unit::{Restart, ServiceType};

/// A systemd unit: one that a package brings, or one whose file is made of `command`, `unit` or `template`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Whether it starts with the host; true unless given. Of a service whose file is made here, and which a timer, a socket
    /// or a path of the playbook starts, nothing is said unless given.
    #[serde(default, deserialize_with = "optional")]
    pub enabled: Option<Flag>,
    /// Whether it runs; unless given, true where `enabled` is so unless given.
    #[serde(default, deserialize_with = "optional")]
    pub running: Option<Flag>,
    /// Whether nothing can start it: a link to `/dev/null` stands in place of its file.
    #[serde(default, deserialize_with = "optional")]
    pub masked: Option<Flag>,
    /// The command line of a service, its program by absolute path. It is started anew when what its words name changes: a
    /// new release, a file, a directory of the playbook's. `%` and `$` mean in it what they mean in `ExecStart=`.
    #[serde(default, deserialize_with = "optional")]
    pub command: Option<Line>,
    /// Who runs it; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub user: Option<Name>,
    /// With which group; the user's own unless given.
    #[serde(default, deserialize_with = "optional")]
    pub group: Option<Name>,
    /// Working directory; `/` unless given. `%` means itself, but for `%i` in a template.
    #[serde(default, deserialize_with = "optional")]
    pub directory: Option<AbsPath>,
    /// Its environment, as it stands here, but for `%i` in a template. What holds a secret stands in a file that root alone
    /// may read, and there `%i` is no instance's name.
    #[serde(default)]
    pub environment: IndexMap<Name, Text>,
    /// A file with more of its environment, `NAME=value` lines. It is started anew when that changes. `%` means itself, but
    /// for `%i` in a template.
    #[serde(default, deserialize_with = "optional")]
    pub environment_file: Option<AbsPath>,
    /// How it says that it has started; `exec` unless given.
    #[serde(default, rename = "type", deserialize_with = "optional")]
    pub kind: Option<ServiceType>,
    /// When it is started again; `on-failure` unless given, `no` for a oneshot.
    #[serde(default, deserialize_with = "optional")]
    pub restart: Option<Restart>,
    /// How long after it ended; 5 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub restart_sec: Option<Duration>,
    /// The command line that lets it read its files again: `/bin/kill -HUP $MAINPID`.
    #[serde(default, deserialize_with = "optional")]
    pub exec_reload: Option<Line>,
    /// How long it may take to stop before it is killed; 90 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub timeout_stop: Option<Duration>,
    /// What stands in its file, by section and directive: `{ Timer: { OnCalendar: daily } }`. It counts in place of what is
    /// so unless given; a list is a line each, and null none.
    #[serde(default)]
    pub unit: Option<Sections>,
    /// What is otherwise of a unit that others bring, by section and directive, in a drop-in. What is said of how it runs
    /// (`environment`, `restart` …) stands there, too, where no file is made. `""` takes back: `ExecStart: ["", /bin/other]`.
    #[serde(default)]
    pub drop_in: Option<Sections>,
    /// A template of its whole file, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
    /// Two instances that take turns at two ports (`[8080, 8081]`), made from the template `NAME@.service` that is made here
    /// or stands in `files`: what is new comes up beside the one that serves, and gets the requests of the sites that name
    /// the unit in `proxy` when it is ready. `%i` is an instance's own port, and so is its variable `PORT`.
    #[serde(default)]
    pub instances: Option<Instances>,
    /// Files of the playbook that it reads at its start: it is started again when they change.
    #[serde(default)]
    pub restart_on: Vec<AbsPath>,
    /// Files of the playbook that it reads again when it is told to: it is reloaded when they change, or started again where
    /// it cannot be.
    #[serde(default)]
    pub reload_on: Vec<AbsPath>,
}

impl Unit {
    /// Whether its own file is made, and not only a drop-in.
    pub fn has_own_file(&self) -> bool {
        self.command.is_some() || self.unit.is_some() || self.template.is_some()
    }

    /// The fields that are given of those that say how a service runs.
    pub fn service_fields(&self) -> Vec<&'static str> {
        let given = [
            (self.command.is_some(), "command"),
            (self.user.is_some(), "user"),
            (self.group.is_some(), "group"),
            (self.directory.is_some(), "directory"),
            (!self.environment.is_empty(), "environment"),
            (self.environment_file.is_some(), "environment_file"),
            (self.kind.is_some(), "type"),
            (self.restart.is_some(), "restart"),
            (self.restart_sec.is_some(), "restart_sec"),
            (self.exec_reload.is_some(), "exec_reload"),
            (self.timeout_stop.is_some(), "timeout_stop"),
        ];
        let given = given.into_iter().filter_map(|(is, name)| is.then_some(name));
        given.collect()
    }

    /// Whether it runs once and ends.
    pub fn is_oneshot(&self) -> bool {
        let kind = self.kind.as_ref().map(|kind| kind.0.as_str());
        kind.or_else(|| self.said("Service", "Type")) == Some("oneshot")
    }

    /// The last setting of a directive in `unit`.
    pub fn said(&self, section: &str, key: &str) -> Option<&str> {
        let mut sections = self.unit.iter().flatten();
        let (_, keys) = sections.find(|(name, _)| name.0 == section)?;
        let (_, settings) = keys.iter().find(|(name, _)| name.0 == key)?;
        settings.0.last().map(|setting| setting.0.as_str())
    }
}
