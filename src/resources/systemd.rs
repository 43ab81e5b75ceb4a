//! systemd units that are enabled and running, because a playbook or a kind says so.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::instances::{self, Instances};
use super::systemd_files::{covers, glob, unit_of};
use super::systemd_instance;
use crate::change::{Action, Change, Id, Verb, sha256};
use crate::daemons::text::unit;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Flag, UnitName, optional};
use crate::language::{Declaration, Ordered, Placed, Problem, Render, Section};
use crate::managed::announced::{Stands, What};
use crate::shell;

/// systemd units, by name (`.service` may be left out).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Units(IndexMap<UnitName, Placed<Ordered<Unit>>>);

/// A systemd unit.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Whether it starts with the host; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub enabled: Option<Flag>,
    /// Whether it runs; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub running: Option<Flag>,
    /// Two instances that take turns at two ports (`[8080, 8081]`), made from the template `NAME@.service` of `files`:
    /// what is new comes up beside the one that serves, and gets the requests of the sites that name the unit in `proxy`
    /// when it is ready. `%i` is an instance's own port, and so is its variable `PORT`.
    #[serde(default)]
    pub instances: Option<Instances>,
}

impl Section for Units {
    fn announce(&self, cx: &mut Render<'_>) {
        self.0.announce(cx);
    }

    fn render(&self, cx: &mut Render<'_>) {
        self.0.render(cx);
        let turning = self
            .0
            .iter()
            .filter(|(_, unit)| unit.value.value.instances.is_some());
        let templates: Vec<String> = turning
            .map(|(name, _)| systemd_instance::template(&name.0))
            .collect();
        for (name, package) in cx.units.clone() {
            if !cx.has(&id(&name)) {
                let service = Service::new(&name, Some(true), Some(true), cx);
                cx.push(Service {
                    package: Some(package),
                    ..service
                });
            }
        }
        // A unit that nothing declares is loaded anew, and started anew if it runs, when its files change.
        for file in unit_files(cx) {
            if let Some(unit) = unit_of(&file)
                && !cx.has(&id(unit))
                && !templates.iter().any(|template| template == unit)
            {
                cx.push(Service::new(unit, None, None, cx));
            }
        }
    }
}

impl Declaration for Unit {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        instances::announce(
            self.instances.as_ref(),
            |ports| systemd_instance::takes_turns(name, ports),
            cx,
        );
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if let Some(declared) = &self.instances {
            if self.enabled.is_some() || self.running.is_some() {
                return Err(Problem::new(
                    "of `instances` one runs and starts with the host: `enabled` and `running` say nothing",
                    "take them out",
                ));
            }
            cx.push(systemd_instance::rolling(name, declared, cx)?);
            return Ok(());
        }
        let on = |flag: &Option<Flag>| Some(flag.as_ref().is_none_or(|flag| flag.0));
        let service = Service::new(name, on(&self.enabled), on(&self.running), cx);
        let package = cx.units.get(&service.unit).cloned();
        cx.push(Service { package, ..service });
        Ok(())
    }
}

/// The paths of units' files that the playbook puts in place or takes away.
fn unit_files(cx: &Render<'_>) -> Vec<String> {
    let said = cx.announced::<Stands>();
    let files = said.filter(|stands| !matches!(stands.what, What::Directory));
    files
        .map(|stands| stands.path.clone())
        .filter(|path| unit_of(path).is_some())
        .collect()
}

/// It keeps out whoever failed too often, and that may be us.
const FAIL2BAN: &str = "fail2ban.service";

/// Whether systemd's `unit` is how people get in.
fn lets_in(unit: &str) -> bool {
    matches!(unit, "ssh.service" | "sshd.service" | "ssh.socket")
}

fn id(name: &str) -> Id {
    Id::new("systemd", name.trim_end_matches(".service"))
}

/// What the host's sh does with units.
pub const LIBRARY: &str = include_str!("systemd.sh");

#[derive(Debug)]
struct Service {
    id: Id,
    unit: String,
    package: Option<String>,
    /// Whether it starts with the host; as it is unless given.
    enabled: Option<bool>,
    /// Whether it runs; as it is unless given.
    running: Option<bool>,
    /// The files of the playbook from which systemd makes the unit.
    files: Vec<String>,
}

impl Service {
    fn new(name: &str, enabled: Option<bool>, running: Option<bool>, cx: &Render<'_>) -> Self {
        let unit = if name.contains('.') {
            name.to_owned()
        } else {
            format!("{name}.service")
        };
        let mut files = unit_files(cx);
        files.retain(|path| unit_of(path).is_some_and(|of| covers(of, &unit)));
        let linked = cx
            .announced::<Stands>()
            .filter(|stands| files.contains(&stands.path));
        let linked: Vec<String> = linked
            .filter_map(|stands| match &stands.what {
                What::Link(target) => Some(target.clone()),
                _ => None,
            })
            .collect();
        files.extend(linked);
        Self {
            id: id(name),
            unit,
            package: None,
            enabled,
            running,
            files,
        }
    }

    /// The fingerprint of the files that systemd makes the unit from.
    fn version(&self, cx: &Context<'_>) -> Option<String> {
        let version = |path: &String| {
            let version = cx.version(&Ref::Path(path.clone()))?;
            Some(format!("{path} {version}\n"))
        };
        let versions: Vec<String> = self.files.iter().filter_map(version).collect();
        (!versions.is_empty()).then(|| sha256(versions.concat().as_bytes()))
    }

    /// Whether systemd may know the unit from other files than those that shall stand there.
    fn is_stale(&self, cx: &Context<'_>) -> bool {
        let version = self.version(cx);
        let nowhere = |path: &String| cx.version(&Ref::Path(path.clone())).is_none();
        version.is_some() && cx.facts.loaded(self.id.as_str()) != version.as_deref()
            || self.files.iter().any(|path| cx.replaces(path))
            // A run took a file away and died before systemd was told.
            || self.files.iter().any(nowhere) && cx.facts.unit(&self.unit).needs_reload
    }

    /// How it takes what changed, if that disturbs nothing but itself.
    fn restart(&self) -> Option<&'static str> {
        match self.unit.rsplit_once('.')?.1 {
            "slice" | "target" => None,
            "mount" => Some("reload-or-restart"),
            // A reload of fail2ban says whether it went through; a start says it before it is read. One of logind's
            // disturbs nobody who is logged in.
            _ if matches!(&*self.unit, FAIL2BAN | "systemd-logind.service")
                && !self.files.iter().any(|path| unit::is_file(path)) =>
            {
                Some("reload-or-restart")
            }
            _ => Some("restart"),
        }
    }

    /// What is to be done, in words and in sh.
    fn steps(&self, cx: &Context<'_>) -> Vec<(&'static str, String)> {
        let fact = cx.facts.unit(&self.unit);
        let stale = self.is_stale(cx);
        let unit = shell::quote(&self.unit);
        let mut steps = Vec::new();
        let (enabled, running) = (self.enabled == Some(true), self.running == Some(true));
        if fact.load == "masked" && (enabled || running) {
            steps.push(("unmask", format!("systemctl unmask {unit}")));
        }
        // Units without an [Install] section are `static`: there is nothing to enable.
        let is_enabled = fact.file.starts_with("enabled")
            || matches!(&*fact.file, "static" | "alias" | "generated" | "indirect");
        match (self.enabled, is_enabled) {
            (Some(true), false) => steps.push((
                "enable",
                format!("systemctl is-enabled --quiet {unit} || systemctl enable {unit}"),
            )),
            (Some(false), true) if fact.file.starts_with("enabled") => {
                steps.push(("disable", format!("systemctl disable {unit}")));
            }
            _ => {}
        }
        let restart = self.restart().filter(|_| stale);
        let remembered = cx.facts.loaded(self.id.as_str());
        let been_through = fact.went_through(remembered.is_some_and(|value| value != "-"));
        match (self.running, restart) {
            (Some(true), None) if !fact.runs() && !been_through => steps.push((
                "start",
                format!("systemctl is-active --quiet {unit} || up start {unit}"),
            )),
            // It may have come up with its package, and from other files.
            (Some(true), Some(_)) if !fact.runs() && !been_through => {
                steps.push(("start", format!("up restart {unit}")));
            }
            (Some(true), Some(verb)) => steps.push(("restart", format!("up {verb} {unit}"))),
            (Some(false), _) if fact.is_busy() => {
                steps.push(("stop", format!("systemctl stop {unit}")));
            }
            (None, Some(verb)) => {
                let those = shell::quote(&glob(&self.unit).unwrap_or_else(|| self.unit.clone()));
                let word = if fact.is_busy() { "restart" } else { "load" };
                steps.push((word, format!("anew {verb} {those}")));
            }
            _ if stale => steps.push(("load", ":".into())),
            _ => {}
        }
        steps
    }
}

impl Resource for Service {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        Vec::new()
    }

    fn needs(&self) -> Vec<Ref> {
        let package = self.package.clone().map(Ref::Package);
        let files = self.files.iter().cloned();
        let files = files.flat_map(|path| [Ref::Id(Id::new("absent", &path)), Ref::Path(path)]);
        package.into_iter().chain(files).collect()
    }

    /// A unit that a kind needs goes on as long as its package is there.
    fn remains(&self) -> Remains {
        let wanted = self.package.is_none() && (self.enabled == Some(true) || self.running == Some(true));
        Remains {
            units: wanted.then(|| self.unit.clone()).into_iter().collect(),
            ..Remains::default()
        }
    }

    fn ends(&self, unit: &str, cx: &Context<'_>) -> bool {
        let ends = self.running == Some(false) || self.is_stale(cx) && self.restart().is_some();
        ends && covers(&self.unit, unit)
    }

    fn ask(&self, questions: &mut Questions) {
        if glob(&self.unit).is_none() {
            questions.unit(&self.unit);
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let steps = self.steps(cx);
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<&str> = steps.iter().map(|(word, _)| *word).collect();
        let unit = shell::quote(&self.unit);
        let files = shell::words(&self.files);
        let summary = format!("{} {}", words.join(" and "), self.unit);
        let mut change = Change::new(&self.id, Verb::Run, summary);
        if glob(&self.unit).is_some() {
            change = change.note("and restart those of its kind that run");
        }
        let load = match self.is_stale(cx) {
            true => format!("read_files {unit} {files}"),
            false => format!("know {unit}"),
        };
        let mut commands: Vec<String> = steps.iter().map(|(_, command)| command.clone()).collect();
        if self.is_stale(cx) {
            commands.push(format!("took {files}"));
        }
        let remember = match glob(&self.unit) {
            None => format!("remember {unit}\n"),
            Some(_) => String::new(),
        };
        change = change.shell(format!("{LIBRARY}{remember}{load}\n{}", commands.join("\n")));
        change.recover = Some(format!("{LIBRARY}back {unit} {files}"));
        let anew = words.contains(&"restart") || words.contains(&"start");
        if self.unit == FAIL2BAN && anew {
            // What it bans us for may stand in an old log.
            change = change.shell("spare_us").if_access_stays();
        } else if lets_in(&self.unit) && (words.contains(&"stop") || words.contains(&"restart")) {
            change = change.if_access_stays();
        }
        let name = self.id.to_string();
        let value = self.version(cx).unwrap_or_else(|| "started".into());
        change.actions.insert(0, Action::Unloaded { name: name.clone() });
        Ok(vec![change.action(Action::Loaded { name, value })])
    }
}
