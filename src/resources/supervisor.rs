//! Programs that supervisor runs. Only the program that changed is touched: `reread`, `update NAME`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::binary::Releases;
use super::directory::Directory;
use super::instance::Instance;
use super::instances::{self, Instances, TakesTurns};
use super::rolling::Rolling;
use super::supervised::{Ended, FOLDER, Supervised, name, reads};
use super::supervisor_instance::SupervisorInstance;
use crate::change::{Content, Id};
use crate::language::scalar::{AbsPath, Count, Flag, Line, LocalPath, Name, optional};
use crate::language::template::object;
use crate::language::{Declaration, Ordered, Placed, Problem, Render, Section};
use crate::managed::announced::{self, Stands, What};
use crate::managed::file::ManagedFile;

/// Programs that supervisor runs, by name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Programs(IndexMap<Name, Placed<Ordered<Program>>>);

/// A program that supervisor starts and keeps running.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The command line; its program by absolute path.
    pub command: Line,
    /// Who runs it; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub user: Option<Name>,
    /// Working directory; `/` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub directory: Option<AbsPath>,
    /// Its environment.
    #[serde(default)]
    pub environment: IndexMap<Name, Line>,
    /// Whether it starts with supervisor; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autostart: Option<Flag>,
    /// Whether it is started again when it ends; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autorestart: Option<Flag>,
    /// Seconds it must stay up to count as started; 1 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub startsecs: Option<Count>,
    /// Seconds it may take to stop before it is killed; 10 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub stopwaitsecs: Option<Count>,
    /// The directory of `out.log` and `err.log`; `/var/log/NAME` unless given. Rotation is logrotate's.
    #[serde(default, deserialize_with = "optional")]
    pub logs: Option<AbsPath>,
    /// Two instances that take turns at two ports (`[8080, 8081]`): what is new comes up beside the one that serves, and
    /// gets the requests of the sites that name the program in `proxy` when it is ready. `{port}` in the command and in
    /// values of the environment is an instance's own port, and so is its variable `PORT`.
    #[serde(default)]
    pub instances: Option<Instances>,
    /// Files that it reads at its start: it is started again when they change.
    #[serde(default)]
    pub restart_on: Vec<AbsPath>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
}

/// What supervisor calls an instance of the program `name`.
fn instance_name(name: &str, port: u16) -> String {
    format!("{name}-{port}")
}

fn takes_turns(name: &str, ports: [u16; 2]) -> TakesTurns {
    TakesTurns {
        id: Id::new("supervisor", name),
        program: name.to_owned(),
        ports,
        names: ports.map(|port| instance_name(name, port)),
    }
}

/// A program as supervisor shall know it.
struct Named<'a> {
    name: &'a str,
    logs: &'a str,
    /// Its port, where it is one of two instances.
    port: Option<u16>,
}

impl Program {
    fn values(&self, named: &Named<'_>, command: &str) -> Result<Map<String, Value>, Problem> {
        let Named { name, logs, port } = named;
        let own = |text: &str| match port {
            Some(port) => text.replace("{port}", &port.to_string()),
            None => text.to_owned(),
        };
        let mut environment = Vec::new();
        for (key, value) in &self.environment {
            environment.push(format!("{key}={}", quote(&escape(&own(&value.0))?)?));
        }
        if let Some(port) = port
            && !self.environment.keys().any(|key| key.0 == "PORT")
        {
            environment.push(format!("PORT=\"{port}\""));
        }
        let on = |flag: &Option<Flag>| flag.as_ref().is_none_or(|flag| flag.0);
        let number = |count: &Option<Count>, or| count.as_ref().map_or(or, |count| count.0);
        Ok(object(json!({
            "name": name,
            "command": escape(&own(command))?,
            "user": self.user.as_ref().map_or("root", |user| &user.0),
            "directory": escape(self.directory.as_ref().map_or("/", |path| &path.0))?,
            "environment": environment.join(","),
            "autostart": on(&self.autostart),
            "autorestart": on(&self.autorestart),
            "startsecs": number(&self.startsecs, 1),
            "stopwaitsecs": number(&self.stopwaitsecs, 10),
            "logs": logs,
            "port": port,
        })))
    }

    /// The program under a name of supervisor's; `command` is what runs there.
    fn supervised(&self, named: &Named<'_>, command: &str, cx: &Render<'_>) -> Result<Supervised, Problem> {
        let template = self
            .template
            .as_ref()
            .map_or("supervisor.conf.hbs", |path| &path.0);
        let content = cx.template(template, self.values(named, command)?)?;
        let file = ManagedFile::new(format!("{FOLDER}{}.conf", named.name), content);
        let mut supervised = Supervised::new(Id::new("supervisor", named.name), file);
        if supervised.declared.processes.is_empty() {
            return Err(Problem::new(
                format!("the template {template} declares no program"),
                "it wants a section `[program:{{name}}]`",
            ));
        }
        supervised.own = true;
        supervised
            .users
            .extend(self.user.iter().map(|user| user.0.clone()));
        let executable = self.command.0.split(' ').next().unwrap_or_default().to_owned();
        let restart_on = self.restart_on.iter().map(|path| path.0.clone());
        supervised.reads = std::iter::once(executable).chain(restart_on).collect();
        let directory = self.directory.iter().map(|path| path.0.clone());
        supervised.needs.extend(directory.chain([named.logs.to_owned()]));
        supervised.startsecs = self.startsecs.as_ref().map_or(1, |count| count.0);
        Ok(supervised)
    }

    /// The command with its release in place of whatever is current: an instance that supervisor starts again is what
    /// it came up as.
    fn pinned(&self, cx: &Render<'_>) -> Result<String, Problem> {
        for releases in cx.announced::<Releases>() {
            if let Some(command) = releases.pin(&self.command.0)? {
                return Ok(command);
            }
        }
        Ok(self.command.0.clone())
    }

    /// Two instances that take turns.
    fn rolling(
        &self,
        name: &str,
        logs: &str,
        declared: &Instances,
        cx: &Render<'_>,
    ) -> Result<Rolling, Problem> {
        let ports = declared.ports()?;
        if self.autostart.as_ref().is_some_and(|flag| !flag.0) {
            return Err(Problem::new(
                "`instances` of a program that is not started: `autostart: false`",
                "take out one of the two",
            ));
        }
        let command = self.pinned(cx)?;
        let instance = |port: u16| -> Result<Box<dyn Instance>, Problem> {
            let own = instance_name(name, port);
            let named = Named {
                name: &own,
                logs,
                port: Some(port),
            };
            Ok(Box::new(SupervisorInstance {
                supervised: self.supervised(&named, &command, cx)?,
                alone: (port == ports[0]).then(|| name.to_owned()),
            }))
        };
        let instances = [instance(ports[0])?, instance(ports[1])?];
        Rolling::new(takes_turns(name, ports), declared, instances, cx)
    }
}

/// supervisor expands `%(…)s` and cuts a value at a ` ;` or ` #`; `%(here)s` it replaces even where the
/// `%` is escaped.
fn escape(value: &str) -> Result<String, Problem> {
    if value.contains("%(here)s") {
        return Err(Problem::new(
            "supervisor would replace the `%(here)s` in a value",
            "put it into a file that the program reads, or into a script",
        ));
    }
    if value.contains(" ;") || value.contains(" #") {
        return Err(Problem::new(
            "supervisor would cut a value at its ` ;` or ` #`",
            "put it into a file that the program reads, or into a script",
        ));
    }
    Ok(value.replace('%', "%%"))
}

/// supervisor takes what stands between two equal quotes as it is, without escapes, and strips quotes of
/// both sorts from its ends (`dict_of_key_value_pairs` in its `datatypes.py`).
fn quote(value: &str) -> Result<String, Problem> {
    let mark = if value.contains('"') { '\'' } else { '"' };
    if value.contains(mark) || value.starts_with(['\'', '"']) || value.ends_with(['\'', '"']) {
        return Err(Problem::new(
            "supervisor cannot pass on a value that has quotes of both sorts, or one at an end",
            "put it into a file that the program reads",
        ));
    }
    Ok(format!("{mark}{value}{mark}"))
}

impl Section for Programs {
    fn announce(&self, cx: &mut Render<'_>) {
        self.0.announce(cx);
    }

    fn render(&self, cx: &mut Render<'_>) {
        self.0.render(cx);
        // Files that others put where supervisor reads are loaded as if this kind had written them.
        for (path, content) in files(cx) {
            let id = Id::new("supervisor", name(&path));
            if !cx.has(&id) {
                cx.push(Supervised::new(id, ManagedFile::new(path, content)));
            }
        }
        let said = cx.announced::<Stands>();
        let gone = said.filter(|stands| matches!(stands.what, What::Nothing));
        let gone: Vec<String> = gone.map(|stands| stands.path.clone()).collect();
        for path in gone {
            let id = Id::new("supervisor", name(&path));
            if (reads(&path) || FOLDER.trim_end_matches('/') == path) && !cx.has(&id) {
                cx.push(Ended { id, path });
            }
        }
    }
}

/// The files that other kinds put where supervisor reads. What cannot be read is for their own rendering to say.
fn files(cx: &Render<'_>) -> Vec<(String, Content)> {
    let read = cx.announced::<Stands>().filter(|stands| reads(&stands.path));
    let content = |stands: &Stands| match &stands.what {
        What::File(content) => content.clone(),
        What::Link(target) => announced::content(cx, target),
        What::Directory | What::Part | What::Nothing => None,
    };
    read.filter_map(|stands| Some((stands.path.clone(), content(stands)?)))
        .collect()
}

/// The instances that the program `name` had and has no more: they hold its ports.
fn instances_before(program: &str, cx: &Render<'_>) -> Vec<Id> {
    let gone = cx
        .announced::<Stands>()
        .filter(|stands| matches!(stands.what, What::Nothing) && reads(&stands.path));
    let names = gone.map(|stands| name(&stands.path));
    let instances = names.filter(|name| {
        let port = name.strip_prefix(program).and_then(|rest| rest.strip_prefix('-'));
        port.is_some_and(|port| port.parse::<u16>().is_ok())
    });
    instances.map(|name| Id::new("supervisor", name)).collect()
}

impl Declaration for Program {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        instances::announce(self.instances.as_ref(), |ports| takes_turns(name, ports), cx);
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if !self.command.0.starts_with('/') {
            return Err(Problem::new(
                format!("`{}` does not start with an absolute path", self.command),
                "supervisor looks nothing up: write the program's whole path",
            ));
        }
        let logs = self
            .logs
            .as_ref()
            .map_or_else(|| format!("/var/log/{name}"), |path| path.0.clone());
        cx.refuse_secret(&self.command.0)?;
        cx.needs_unit(
            "supervisor.service",
            "supervisor",
            Id::new("supervisor", name).as_str(),
        );
        if !announced::has_directory(cx, &logs) && !cx.has(&Id::new("directory", &logs)) {
            Directory::default().render(&logs, cx)?;
        }
        match &self.instances {
            Some(declared) => cx.push(self.rolling(name, &logs, declared, cx)?),
            None => {
                let named = Named {
                    name,
                    logs: &logs,
                    port: None,
                };
                let mut supervised = self.supervised(&named, &self.command.0, cx)?;
                supervised.after = instances_before(name, cx);
                cx.push(supervised);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_supervisor_would_cut_or_strip_is_refused() {
        assert!(escape("a ;b").is_err());
        assert!(escape("a %(here)s").is_err());
        assert_eq!(escape("50%").ok(), Some("50%%".into()));
        assert_eq!(quote("it's, \\ so").ok(), Some("\"it's, \\ so\"".into()));
        assert_eq!(quote(r#"{"a": 1}"#).ok(), Some(r#"'{"a": 1}'"#.into()));
        for value in [r#"it's "x" here"#, "'x", r#"say "x""#] {
            assert!(quote(value).is_err(), "{value}");
        }
    }
}
