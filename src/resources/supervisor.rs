//! Programs that supervisor runs. Only the program that changed is touched: `reread`, `update NAME`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::binary::Releases;
use super::directory::Directory;
use super::instance::Instance;
use super::instances::{self, Instances, TakesTurns};
use super::rolling::Rolling;
use super::supervised::{ELSEWHERE, Ended, FOLDER, Supervised, name, reads};
use super::supervisor_config::{Process, escape, quote};
use super::supervisor_instance::SupervisorInstance;
use crate::change::{Content, Id};
use crate::facts::Remains;
use crate::language::scalar::{AbsPath, Count, Flag, Line, LocalPath, Name, Restart, optional};
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
    /// Whether supervisor puts in what it knows, in the command, the directory and the environment: `%(ENV_HOME)s` from its
    /// own environment, `%(process_num)02d`, `%(program_name)s`; a `%` is then written `%%`. False unless given.
    #[serde(default, deserialize_with = "optional")]
    pub expand: Option<Flag>,
    /// How many processes of it run; 1 unless given. Several are called `NAME_00`, `NAME_01` …, and each has logs of its
    /// own: `out-00.log`.
    #[serde(default, deserialize_with = "optional")]
    pub numprocs: Option<Count>,
    /// The number of the first of several processes; 0 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub numprocs_start: Option<Count>,
    /// What a process is called: `%(program_name)s_%(process_num)02d`, of which several want the number.
    #[serde(default, deserialize_with = "optional")]
    pub process_name: Option<Line>,
    /// Programs with lower ones start first, and stop last; 999 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub priority: Option<Count>,
    /// Whether it starts with supervisor; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autostart: Option<Flag>,
    /// Whether it is started again when it ends: `true`, `false`, or `unexpected`, where it ended with none of
    /// `exitcodes`; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autorestart: Option<Restart>,
    /// The statuses with which it may end, where it is not always started again; 0 unless given.
    #[serde(default)]
    pub exitcodes: Vec<Count>,
    /// Seconds it must stay up to count as started; 1 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub startsecs: Option<Count>,
    /// How often it is tried again when it does not stay up; 3 times unless given.
    #[serde(default, deserialize_with = "optional")]
    pub startretries: Option<Count>,
    /// The signal that asks it to stop; TERM unless given.
    #[serde(default)]
    pub stopsignal: Option<StopSignal>,
    /// Seconds it may take to stop before it is killed; 10 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub stopwaitsecs: Option<Count>,
    /// Whether that signal goes to what it has started, too; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub stopasgroup: Option<Flag>,
    /// Whether what it has started is killed with it; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub killasgroup: Option<Flag>,
    /// The directory of `out.log` and `err.log`; `/var/log/NAME` unless given. Rotation is logrotate's.
    #[serde(default, deserialize_with = "optional")]
    pub logs: Option<AbsPath>,
    /// Whether what it writes to its standard error stands in `out.log`, too, in place of a log of its own.
    #[serde(default, deserialize_with = "optional")]
    pub redirect_stderr: Option<Flag>,
    /// Where its configuration stands; `/etc/supervisor/conf.d/NAME.conf` unless given, where supervisor reads as it is
    /// packaged.
    #[serde(default, deserialize_with = "optional")]
    pub file: Option<AbsPath>,
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

/// A signal that asks a program to stop.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum StopSignal {
    Term,
    Hup,
    Int,
    Quit,
    Kill,
    Usr1,
    Usr2,
}

/// A program that a group may take in.
pub(super) struct Member {
    pub program: String,
    pub processes: Vec<Process>,
    pub startsecs: u32,
}

/// A group of this name is declared.
pub(super) struct DeclaredGroup(pub String);

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
        let escape = |text: &str| escape(text, self.expands());
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
        let word = |count: &Option<Count>| count.as_ref().map(ToString::to_string).unwrap_or_default();
        let several = self.several();
        let process_name = match &self.process_name {
            Some(name) => &name.0,
            None if several => "%(program_name)s_%(process_num)02d",
            None => "",
        };
        let suffix = match port {
            Some(port) => format!("-{port}"),
            None if several => "-%(process_num)02d".into(),
            None => String::new(),
        };
        let codes: Vec<String> = self.exitcodes.iter().map(ToString::to_string).collect();
        Ok(object(json!({
            "name": name,
            "command": escape(&own(command))?,
            "user": self.user.as_ref().map_or("root", |user| &user.0),
            "directory": escape(self.directory.as_ref().map_or("/", |path| &path.0))?,
            "environment": environment.join(","),
            "autostart": on(&self.autostart),
            "autorestart": self.autorestart.as_ref().map_or("true", |restart| &restart.0),
            "numprocs": if several { word(&self.numprocs) } else { String::new() },
            "numprocs_start": if several { number(&self.numprocs_start, 0).to_string() } else { word(&self.numprocs_start) },
            "process_name": process_name,
            "priority": word(&self.priority),
            "exitcodes": codes.join(","),
            "startsecs": number(&self.startsecs, 1),
            "startretries": word(&self.startretries),
            "stopsignal": self.stopsignal,
            "stopwaitsecs": number(&self.stopwaitsecs, 10),
            "stopasgroup": on(&self.stopasgroup),
            "killasgroup": on(&self.killasgroup),
            "redirect_stderr": self.redirect_stderr.as_ref().is_some_and(|flag| flag.0),
            "logs": logs,
            "suffix": suffix,
            "port": port,
        })))
    }

    fn expands(&self) -> bool {
        self.expand.as_ref().is_some_and(|flag| flag.0)
    }

    /// Whether several processes of it run.
    fn several(&self) -> bool {
        self.numprocs.as_ref().is_some_and(|count| count.0 != 1)
    }

    /// Where its configuration stands.
    fn path(&self, name: &str) -> String {
        let own = self.file.as_ref().map(|path| path.0.clone());
        own.unwrap_or_else(|| format!("{FOLDER}{name}.conf"))
    }

    /// The directory of its logs.
    fn logs(&self, name: &str) -> String {
        let own = self.logs.as_ref().map(|path| path.0.clone());
        own.unwrap_or_else(|| format!("/var/log/{name}"))
    }

    /// What supervisor would refuse, or take otherwise than it is meant.
    fn check(&self) -> Result<(), Problem> {
        let on = |flag: &Option<Flag>| flag.as_ref().is_none_or(|flag| flag.0);
        let found = self.expands() && self.command.0.starts_with("%(");
        if !self.command.0.starts_with('/') && !found {
            return Err(Problem::new(
                format!("`{}` does not start with an absolute path", self.command),
                "supervisor looks nothing up: write the program's whole path",
            ));
        }
        if self.numprocs.as_ref().is_some_and(|count| count.0 == 0) {
            return Err(Problem::new(
                "`numprocs: 0` is no program",
                "say `autostart: false`, or take it out",
            ));
        }
        let numbered = |name: &Line| name.0.contains("%(process_num)");
        if self.several() && self.process_name.as_ref().is_some_and(|name| !numbered(name)) {
            return Err(Problem::new(
                "several processes would have one name",
                "put the number into it: `process_name: \"%(program_name)s_%(process_num)02d\"`",
            ));
        }
        if self.instances.is_some() && (self.several() || self.process_name.is_some() || self.file.is_some())
        {
            return Err(Problem::new(
                "`instances` are one process each, in files and with names that follow from their ports",
                "take out `numprocs`, `process_name` and `file`, or `instances`",
            ));
        }
        if on(&self.stopasgroup) && !on(&self.killasgroup) {
            return Err(Problem::new(
                "supervisor does not take `killasgroup: false` where what a program has started is asked to stop, too",
                "say `stopasgroup: false` as well",
            ));
        }
        let restarts = self
            .autorestart
            .as_ref()
            .is_none_or(|restart| restart.0 == "true");
        if restarts && !self.exitcodes.is_empty() {
            return Err(Problem::new(
                "`exitcodes` mean nothing for a program that is always started again",
                "say `autorestart: unexpected`, or take them out",
            ));
        }
        Ok(())
    }

    /// The program under a name of supervisor's; `command` is what runs there.
    fn supervised(&self, named: &Named<'_>, command: &str, cx: &Render<'_>) -> Result<Supervised, Problem> {
        let template = self
            .template
            .as_ref()
            .map_or("supervisor.conf.hbs", |path| &path.0);
        let content = cx.template(template, self.values(named, command)?)?;
        let file = ManagedFile::new(self.path(named.name), content);
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
        supervised.needs.retain(|path| !path.contains("%("));
        let known = |path: &&AbsPath| !self.expands() || !path.0.contains('%');
        let directory = self.directory.iter().filter(known).map(|path| path.0.clone());
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
        let elsewhere: Vec<String> = cx.announced::<Elsewhere>().map(|file| file.0.clone()).collect();
        for path in gone {
            let id = Id::new("supervisor", name(&path));
            let is_read = reads(&path) || FOLDER.trim_end_matches('/') == path || elsewhere.contains(&path);
            if is_read && !cx.has(&id) {
                cx.push(Ended { id, path });
            }
        }
    }
}

/// A file of supervisor's that goes, in a folder that only this host includes.
struct Elsewhere(String);

/// Says which files go from there.
pub(super) fn announce_gone(gone: &Remains, cx: &mut Render<'_>) {
    let files = gone
        .settings
        .keys()
        .filter_map(|name| name.strip_prefix(ELSEWHERE));
    files.for_each(|file| cx.announce(Elsewhere(file.to_owned())));
}

/// The groups that may have taken in the program whose file at `path` goes: one that names a program which is not there
/// lets supervisor read nothing at all, so that it changes first.
pub(super) fn groups_of(path: &str, cx: &Render<'_>) -> Vec<Id> {
    let elsewhere = || cx.announced::<Elsewhere>().any(|file| file.0 == path);
    let own = name(path);
    let instance = |program: &str| {
        own.strip_prefix(program)
            .is_some_and(|rest| rest.starts_with('-'))
    };
    let mut members = cx.announced::<Member>();
    // One that stands in another file now, or has no instances any more, comes when this one is gone.
    if !reads(path) && !elsewhere()
        || members.any(|member| member.program == own || instance(&member.program))
    {
        return Vec::new();
    }
    let groups = cx.announced::<DeclaredGroup>();
    groups
        .map(|group| Id::new("supervisor_group", &group.0))
        .collect()
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
        let logs = self.logs(name);
        let named = Named {
            name,
            logs: &logs,
            port: None,
        };
        // What is wrong with it its rendering says.
        if self.instances.is_none()
            && let Ok(supervised) = self.supervised(&named, &self.command.0, cx)
        {
            cx.announce(Member {
                program: name.to_owned(),
                processes: supervised.declared.processes,
                startsecs: supervised.startsecs,
            });
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        self.check()?;
        let logs = self.logs(name);
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
