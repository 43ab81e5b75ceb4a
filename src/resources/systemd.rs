//! systemd units that are enabled and running, because a playbook or a kind says so.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Named;
use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::PlaybookError;
use crate::playbook::parse::Placed;
use crate::playbook::render::{Declaration, Problem, Render, Section};
use crate::playbook::scalar::{Flag, Line, Name, optional};
use crate::shell;

/// systemd units, by name (`.service` may be left out).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Units(IndexMap<Name, Placed<Unit>>);

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
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

impl Section for Units {
    fn render(&self, cx: &mut Render<'_>) -> Result<(), PlaybookError> {
        let declared: &Named<Unit> = &self.0;
        declared.render(cx)?;
        for (name, package) in cx.units.clone() {
            let short = name.trim_end_matches(".service");
            if !self.0.keys().any(|key| key.0 == name || key.0 == short) {
                cx.push(Service {
                    package: Some(package),
                    ..Service::new(&name, true, true)
                });
            }
        }
        Ok(())
    }
}

impl Declaration for Unit {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let on = |flag: &Option<Flag>| flag.as_ref().is_none_or(|flag| flag.0);
        let service = Service::new(name, on(&self.enabled), on(&self.running));
        let package = cx.units.get(&service.unit).cloned();
        cx.push(Service { package, ..service });
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

/// Whether systemd's `unit` is how people get in.
fn lets_in(unit: &str) -> bool {
    matches!(unit, "ssh.service" | "sshd.service" | "ssh.socket")
}

#[derive(Debug)]
struct Service {
    id: Id,
    unit: String,
    package: Option<String>,
    enabled: bool,
    running: bool,
}

impl Service {
    fn new(name: &str, enabled: bool, running: bool) -> Self {
        let unit = if name.contains('.') {
            name.to_owned()
        } else {
            format!("{name}.service")
        };
        Self {
            id: Id::new("systemd", name.trim_end_matches(".service")),
            unit,
            package: None,
            enabled,
            running,
        }
    }

    /// Where a playbook puts the unit's file.
    fn path(&self) -> String {
        format!("/etc/systemd/system/{}", self.unit)
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
        package.into_iter().chain([Ref::Path(self.path())]).collect()
    }

    fn ask(&self, questions: &mut Questions) {
        questions.unit(&self.unit);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let fact = cx.facts.unit(&self.unit);
        // A unit whose file the playbook writes runs as that file says only if it was started from it.
        let version = cx.version(&Ref::Path(self.path()));
        let stale = version.is_some() && cx.facts.loaded(self.id.as_str()) != version.as_deref();
        let unit = shell::quote(&self.unit);
        let mut words = Vec::new();
        let mut commands = Vec::new();
        if fact.load == "masked" && (self.enabled || self.running) {
            words.push("unmask");
            commands.push(format!("systemctl unmask {unit}"));
        }
        // Units without an [Install] section are `static`: there is nothing to enable.
        let is_enabled = fact.file.starts_with("enabled")
            || matches!(&*fact.file, "static" | "alias" | "generated" | "indirect");
        let is_running = matches!(&*fact.active, "active" | "activating" | "reloading");
        match (self.enabled, is_enabled) {
            (true, false) => {
                words.push("enable");
                commands.push(format!(
                    "systemctl is-enabled --quiet {unit} || systemctl enable {unit}"
                ));
            }
            (false, true) if fact.file.starts_with("enabled") => {
                words.push("disable");
                commands.push(format!("systemctl disable {unit}"));
            }
            _ => {}
        }
        match (self.running, is_running) {
            (true, false) => {
                words.push("start");
                commands.push(format!(
                    "systemctl is-active --quiet {unit} || systemctl start {unit}"
                ));
            }
            (true, true) if stale => {
                words.push("restart");
                commands.push(format!("systemctl restart {unit}"));
            }
            (false, true) => {
                words.push("stop");
                commands.push(format!("systemctl stop {unit}"));
            }
            _ => {}
        }
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let change = Change::new(
            &self.id,
            Verb::Run,
            format!("{} {}", words.join(" and "), self.unit),
        );
        // Each of these costs half a second, and a package that was just installed has mostly done them.
        let reload = format!(
            "case $(systemctl show -p LoadState,NeedDaemonReload -- {unit}) in *=not-found* | *=yes*) systemctl daemon-reload ;; esac"
        );
        let mut change = change.shell(reload).shell(commands.join("\n"));
        if lets_in(&self.unit) && (words.contains(&"stop") || words.contains(&"restart")) {
            let path = shell::quote(&self.path());
            change = change.if_access_stays();
            change.recover = Some(format!(
                "take_back {path}\nsystemctl daemon-reload\nsystemctl reset-failed {unit}\nsystemctl enable --now {unit}"
            ));
        }
        if let (Some(value), true) = (version, self.running) {
            let name = self.id.to_string();
            change.actions.insert(0, Action::Unloaded { name: name.clone() });
            change = change.action(Action::Loaded { name, value });
        }
        Ok(vec![change])
    }
}
