//! systemd's units, as playbooks declare them.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::instances;
use super::systemd_files::{glob, unit_of};
use super::systemd_instance;
use super::systemd_made::{FOLDER, Known, Made};
use super::systemd_masked::{Masked, NOTHING};
use super::systemd_service::{Service, id, unit_files, whole};
use super::systemd_unit::Unit;
use crate::change::Id;
use crate::daemons::text::unit;
use crate::language::scalar::{AbsPath, Flag, UnitName};
use crate::language::{Declaration, Ordered, Placed, Problem, Render, Section};
use crate::managed::announced::{self, What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// systemd units, by name (`.service` may be left out).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Units(IndexMap<UnitName, Placed<Ordered<Unit>>>);

impl Section for Units {
    fn announce(&self, cx: &mut Render<'_>) {
        let mut known = Known::default();
        for (name, declared) in &self.0 {
            known.note(&whole(&name.0), &declared.value.value);
        }
        cx.announce(known);
        self.0.announce(cx);
    }

    fn render(&self, cx: &mut Render<'_>) {
        // All files come before the first unit starts: it may want others.
        let mut seen = BTreeSet::new();
        for (name, placed) in &self.0 {
            let unit = whole(&name.0);
            if !seen.insert(unit.clone()) {
                let problem = Problem::new(
                    format!("{unit} stands here a second time: `.service` may be left out"),
                    "say all of it under one name",
                );
                cx.wrong_in(&name.0, problem, placed);
                continue;
            }
            let files = cx.declared(placed, |declared, cx| declared.push_files(&name.0, cx));
            if let Err(problem) = files {
                cx.wrong_in(&name.0, problem, placed);
            }
        }
        self.0.render(cx);
        let turning = self
            .0
            .iter()
            .filter(|(_, unit)| unit.value.value.instances.is_some());
        let templates: Vec<String> = turning
            .map(|(name, _)| systemd_instance::template(short(&name.0)))
            .collect();
        for (name, package) in cx.units.clone() {
            if !cx.has(&id(&name)) {
                let mut service = Service::new(&name, Some(true), Some(true), cx);
                service.package = Some(package);
                cx.push(service);
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

/// A unit's name as a playbook may have it.
fn short(name: &str) -> &str {
    name.trim_end_matches(".service")
}

impl Unit {
    fn is_masked(&self) -> bool {
        self.masked.as_ref().is_some_and(|flag| flag.0)
    }

    /// The whole name of the unit whose files are made.
    fn made_as(&self, name: &str) -> String {
        match self.instances {
            Some(_) => systemd_instance::template(short(name)),
            None => whole(name),
        }
    }

    /// The files that are made of it.
    fn files(&self, name: &str, cx: &Render<'_>) -> Result<Vec<ManagedFile>, Problem> {
        let name = self.made_as(name);
        let made = Made {
            declared: self,
            is_triggered: Known::triggers(cx, &name),
            name: &name,
        };
        made.files(cx)
    }

    fn push_files(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.is_masked() {
            return Ok(());
        }
        for file in self.files(name, cx)? {
            cx.push(Plain {
                id: Id::new("file", &file.path),
                file,
            });
        }
        Ok(())
    }

    fn masked(&self, name: &str, cx: &Render<'_>) -> Result<Masked, Problem> {
        let on = |flag: &Option<Flag>| flag.as_ref().is_some_and(|flag| flag.0);
        let fields = self.service_fields().into_iter().map(|field| (true, field));
        let said = [
            (on(&self.enabled), "enabled"),
            (on(&self.running), "running"),
            (self.unit.is_some(), "unit"),
            (self.drop_in.is_some(), "drop_in"),
            (self.template.is_some(), "template"),
            (self.instances.is_some(), "instances"),
            (!self.restart_on.is_empty(), "restart_on"),
            (!self.reload_on.is_empty(), "reload_on"),
        ];
        let said: Vec<(bool, &str)> = said.into_iter().chain(fields).collect();
        refuse("nothing can start a unit that is masked", &said)?;
        let unit = whole(name);
        if glob(&unit).is_some() {
            return Err(Problem::new(
                format!("`{name}` stands for others, and only one unit is masked"),
                "name the unit",
            ));
        }
        if cx.units.contains_key(&unit) {
            return Err(Problem::new(
                format!("{unit} is masked, and something else in this playbook needs it to run"),
                "take `masked` out, or what needs it",
            ));
        }
        Ok(Masked {
            id: id(name),
            path: format!("{FOLDER}{unit}"),
            unit,
        })
    }
}

/// Refuses what says nothing of a unit of which it is said.
fn refuse(why: &str, said: &[(bool, &str)]) -> Result<(), Problem> {
    match said.iter().find(|(is, _)| *is) {
        None => Ok(()),
        Some((_, field)) => Err(Problem::new(
            format!("{why}: `{field}` says nothing"),
            "take it out",
        )),
    }
}

impl Declaration for Unit {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        instances::announce(
            self.instances.as_ref(),
            |ports| systemd_instance::takes_turns(short(name), ports),
            cx,
        );
        if self.is_masked() {
            stands(
                cx,
                &format!("{FOLDER}{}", whole(name)),
                What::Link(NOTHING.into()),
            );
            return;
        }
        for file in self.files(name, cx).unwrap_or_default() {
            stands(cx, &file.path, What::File(Some(file.content)));
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.is_masked() {
            let masked = self.masked(name, cx)?;
            cx.push(masked);
            return Ok(());
        }
        let paths = |paths: &[AbsPath]| -> Vec<String> { paths.iter().map(|path| path.0.clone()).collect() };
        let (restart_on, reload_on) = (paths(&self.restart_on), paths(&self.reload_on));
        if let Some(declared) = &self.instances {
            if self.enabled.is_some() || self.running.is_some() {
                return Err(Problem::new(
                    "of `instances` one runs and starts with the host: `enabled` and `running` say nothing",
                    "take them out",
                ));
            }
            let said = [(!reload_on.is_empty(), "reload_on")];
            refuse("what is new comes up as another instance", &said)?;
            cx.push(systemd_instance::rolling(short(name), declared, &restart_on, cx)?);
            return Ok(());
        }
        let unit = whole(name);
        let path = format!("{FOLDER}{unit}");
        let is_template = glob(&unit).is_some();
        if is_template {
            if unit_files(cx)
                .iter()
                .all(|file| unit_of(file) != Some(unit.as_str()))
            {
                let (before, after) = unit.split_once("@.").unwrap_or((&unit, "service"));
                return Err(Problem::new(
                    format!("`{name}` is a template, and this playbook puts no file of it in place"),
                    format!(
                        "name the instance, `{before}@1.{after}`, or say what its file holds: `command`, `unit`"
                    ),
                ));
            }
            let said = [
                (self.enabled.is_some(), "enabled"),
                (self.running.is_some(), "running"),
                (!reload_on.is_empty(), "reload_on"),
            ];
            refuse("of a template only the instances run", &said)?;
        }
        let is_made = self.has_own_file();
        let text = announced::content(cx, &path).filter(|_| is_made);
        let installs = text.is_none_or(|content| unit::installs(&String::from_utf8_lossy(&content.bytes)));
        let says_enabled = self.enabled.as_ref().is_some_and(|flag| flag.0);
        if says_enabled && !installs {
            return Err(Problem::new(
                format!("{unit} has no section [Install]: nothing would start it with the host"),
                "add one: `unit: { Install: { WantedBy: multi-user.target } }`, or take `enabled` out",
            ));
        }
        let is_started = is_made && Known::triggers(cx, &unit);
        let unless_given = (!is_template && !is_started).then_some(true);
        let on = |flag: &Option<Flag>| flag.as_ref().map(|flag| flag.0).or(unless_given);
        let mut service = Service::new(name, on(&self.enabled), on(&self.running), cx);
        service.package = cx.units.get(&unit).cloned();
        service.says_enabled = says_enabled;
        service.unmasked = self.masked.is_some();
        service.takes(restart_on, reload_on);
        // systemd refuses to start a timer of a service that it does not know.
        let started = Known::started_by(cx, &unit);
        service
            .wants
            .extend(started.map(|started| format!("{FOLDER}{started}")));
        cx.push(service);
        Ok(())
    }
}
