//! The packages of a playbook, installed in one go.

use std::collections::{BTreeMap, BTreeSet};

use super::removal::WAY_IN;
use super::simulation::{ASKED, Simulation};
use super::wanted::fits;
use super::words::{INSTALL, READING};
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::shell;

/// An index older than this is refreshed before something is installed from it, in minutes.
const FRESH: u32 = 24 * 60;

const SIMULATION: &str = include_str!("../apt_simulation.sh");

/// Fails where what this playbook removes would come back.
const WITHOUT: &str = include_str!("without.sh");

const LEAN: &str = "--no-install-recommends";

#[derive(Debug)]
pub(super) struct Package {
    pub name: String,
    /// The resource that brings it; empty where the playbook alone names it.
    pub why: String,
    /// The version that it shall have, in which `*` stands for anything.
    pub version: Option<String>,
    pub held: bool,
}

impl Package {
    /// As apt is told it.
    fn spec(&self) -> String {
        match &self.version {
            Some(version) => format!("{}={version}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether it is missing, or there in another version.
    fn is_due(&self, cx: &Context<'_>) -> bool {
        match (cx.facts.package(&self.name), &self.version) {
            (None, _) => true,
            (Some(here), Some(version)) => !fits(version, here),
            (Some(_), None) => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Packages {
    pub id: Id,
    pub packages: Vec<Package>,
    pub recommends: Option<bool>,
    /// Files below `/etc/apt` that others of this playbook put there: they are there first, and the index is read anew.
    pub sources: Vec<Ref>,
    /// What else comes first and decides what is installed: repositories, which read their index themselves, pins, and
    /// what is removed.
    pub before: Vec<Ref>,
    /// Answers to what packages ask: they come first, too.
    pub answers: Vec<Ref>,
    /// What this playbook takes away.
    pub unwanted: BTreeSet<String>,
    /// sh that mends what may keep a package from being installed.
    pub mends: BTreeMap<String, String>,
}

impl Packages {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.name.as_str())
    }

    /// apt's option for packages of one sort and those packages: first what kinds bring, then what is only named.
    fn batches(&self) -> [(&'static str, Vec<&Package>); 2] {
        let option = |unless_given| match self.recommends {
            None => unless_given,
            Some(true) => "--install-recommends",
            Some(false) => LEAN,
        };
        let (named, brought): (Vec<&Package>, Vec<&Package>) =
            self.packages.iter().partition(|package| package.why.is_empty());
        [(option(LEAN), brought), (option(""), named)]
    }

    fn simulation(&self) -> String {
        let specs = |packages: &[&Package]| shell::words(packages.iter().map(|package| package.spec()));
        let [lean, full] = self
            .batches()
            .map(|(option, packages)| format!("simulate '{option}' \"$(due {})\"", specs(&packages)));
        let held = self.packages.iter().filter(|package| package.held);
        let held: Vec<&str> = held.map(|package| package.name.as_str()).collect();
        format!(
            "minutes={FRESH} held={}\n{READING}{SIMULATION}begin {}\n{lean} | {{ {full}; cat; }}",
            shell::quote(&held.join(" ")),
            specs(&self.packages.iter().collect::<Vec<_>>()),
        )
    }

    /// Refuses what apt would refuse, and what would do harm.
    fn refuse(&self, simulation: &Simulation, settled: bool) -> Result<(), Refusal> {
        let refusal = |cause: String, mend: &str| {
            Err(Refusal {
                id: self.id.clone(),
                cause,
                mend: mend.into(),
            })
        };
        if let Some((name, providers)) = simulation.virtuals.first() {
            return refusal(
                format!(
                    "{name} is no package of its own: {} provide it",
                    providers.join(", ")
                ),
                "name one of them under `apt.packages` in its place",
            );
        }
        let wanted = |name: &&String| self.names().any(|wanted| wanted == *name);
        if let Some(name) = simulation.removes.iter().find(wanted) {
            return refusal(
                format!("apt would remove {name} for the others, and this playbook wants it too"),
                "the packages exclude each other: take one of them out",
            );
        }
        if let Some(name) = WAY_IN
            .iter()
            .find(|name| simulation.removes.iter().any(|goes| goes == *name))
        {
            return refusal(
                format!("apt would remove {name} for them, and nobody would get in any more"),
                "take out what excludes it (`apt-get -s install PACKAGE` on the host says for each what goes)",
            );
        }
        let mut comes = simulation.installs.iter().map(|(name, _)| name);
        if let Some(name) = comes.find(|name| self.unwanted.contains(*name)) {
            return refusal(
                format!("{name} would come along with them, and this playbook removes it"),
                "take it out of `apt.removed` and `apt.purged`, or what needs it out of the playbook",
            );
        }
        if settled && !simulation.errors.is_empty() {
            return refusal(
                format!("apt cannot install them: {}", simulation.errors.join("; ")),
                "see what the package is called in this release, whether it is held or pinned (`apt-mark showhold`, `apt-cache policy NAME`), and whether the host's sources have it",
            );
        }
        Ok(())
    }

    /// Whether something goes before they come.
    fn removes(&self, cx: &Context<'_>) -> bool {
        !self.unwanted.is_empty() && cx.changes(&Ref::Id(Id::new("apt", "removed")))
    }

    /// What apt is told, a line for each batch.
    fn installs(&self, cx: &Context<'_>, simulation: &Simulation) -> Vec<String> {
        // What the plan does not say is not removed, and not made older.
        let mut allowed = String::new();
        if simulation.removes.is_empty() {
            allowed += " --no-remove";
        }
        if !simulation.downgrades.is_empty() {
            allowed += " --allow-downgrades";
        }
        let mut installs = Vec::new();
        for (option, mut packages) in self.batches() {
            packages.retain(|package| package.is_due(cx));
            if packages.is_empty() {
                continue;
            }
            let held: Vec<&str> = packages
                .iter()
                .filter(|package| package.held && !cx.installs(&package.name))
                .map(|package| package.name.as_str())
                .collect();
            let change_held = if held.is_empty() {
                ""
            } else {
                " --allow-change-held-packages"
            };
            let specs = shell::words(packages.iter().map(|package| package.spec()));
            if self.removes(cx) {
                let goes: Vec<&str> = self.unwanted.iter().map(String::as_str).collect();
                let goes = shell::quote(&goes.join(" "));
                installs.push(format!("without {goes} {option} install {specs}").replace("  ", " "));
            }
            let words = format!("apt -y{allowed}{change_held} {option} install {specs}");
            installs.push(words.replace("  ", " "));
            // apt takes the mark away from what it replaces.
            if !held.is_empty() {
                installs.push(format!("apt-mark hold {}", shell::words(held)));
            }
        }
        installs
    }
}

impl Resource for Packages {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.names().map(|name| Ref::Package(name.to_owned())).collect()
    }

    fn needs(&self) -> Vec<Ref> {
        [&self.sources[..], &self.before, &self.answers].concat()
    }

    fn brings_more(&self) -> bool {
        true
    }

    fn ask(&self, questions: &mut Questions) {
        for name in self.names() {
            questions.package(name);
        }
        questions.script(ASKED, self.simulation());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let due: Vec<&Package> = self
            .packages
            .iter()
            .filter(|package| package.is_due(cx))
            .collect();
        let unfinished = cx.facts.unfinished();
        if due.is_empty() && unfinished.is_none() {
            return Ok(Vec::new());
        }
        let simulation = Simulation::read(cx.facts.output(ASKED));
        let fresh = simulation.fresh && !self.sources.iter().any(|source| cx.changes(source));
        // What steps before it alter the host's answer does not know yet.
        let moves = !fresh && simulation.fresh || self.before.iter().any(|need| cx.changes(need));
        self.refuse(&simulation, simulation.fresh && !moves && unfinished.is_none())?;
        let refresh = !fresh || !simulation.errors.is_empty() && !moves;
        let mut change = summary(&self.id, cx, &due, unfinished);
        change
            .details
            .extend(details(&due, &simulation, moves).map(Detail::Note));
        if refresh {
            let why = match simulation.installs.is_empty() && !due.is_empty() {
                true => "; it says then which versions",
                false => "",
            };
            change = change.note(format!("the package index is refreshed first{why}"));
        }
        change = change.shell(INSTALL);
        if self.removes(cx) {
            change = change.shell(format!("{READING}{WITHOUT}"));
        }
        if refresh {
            change = change.shell("apt update");
        }
        if unfinished.is_some() {
            change = change.shell("finish_interrupted");
        }
        let installs = self.installs(cx, &simulation);
        let is_due = |name: &String| due.iter().any(|package| package.name == *name);
        let mends = self.mends.iter().filter(|(name, _)| is_due(name));
        let mends: String = mends.map(|(_, mend)| mend.as_str()).collect();
        let installs = match mends.is_empty() {
            true => installs.join("\n"),
            // `set -e` does not count where a failure is looked at.
            false => format!(
                "install_all() {{\n{}\n}}\ninstall_all || {{\n{mends}install_all\n}}",
                installs.join(" &&\n")
            ),
        };
        Ok(vec![change.shell(installs)])
    }
}

fn summary(id: &Id, cx: &Context<'_>, due: &[&Package], unfinished: Option<&[String]>) -> Change {
    let (missing, other): (Vec<&Package>, Vec<&Package>) =
        due.iter().partition(|package| cx.installs(&package.name));
    let names: Vec<&str> = missing.iter().map(|package| package.name.as_str()).collect();
    let install = match names.len() {
        0 => None,
        1 => Some(format!("install 1 package: {}", names[0])),
        count => Some(format!("install {count} packages: {}", names.join(", "))),
    };
    let specs: Vec<String> = other.iter().map(|package| package.spec()).collect();
    let replace = (!specs.is_empty()).then(|| format!("bring another version: {}", specs.join(", ")));
    let finish = unfinished.map(|packages| match packages {
        [] => "finish what dpkg was interrupted in".to_owned(),
        packages => format!("finish what dpkg was interrupted in: {}", packages.join(", ")),
    });
    let verb = match (&finish, &install) {
        (Some(_), _) => Verb::Run,
        (None, Some(_)) => Verb::Create,
        (None, None) => Verb::Update,
    };
    let parts: Vec<String> = finish.into_iter().chain(install).chain(replace).collect();
    Change::new(id, verb, parts.join("; "))
}

/// What comes and goes, a line each.
fn details(due: &[&Package], simulation: &Simulation, moves: bool) -> impl Iterator<Item = String> {
    let mut lines = Vec::new();
    for package in due {
        let Package { name, why, .. } = package;
        let known = simulation.installs.iter().find(|(known, _)| known == name);
        let version = match (known, &package.version) {
            (Some((_, version)), _) => format!(" {version}"),
            (None, Some(version)) => format!(" {version}"),
            (None, None) => String::new(),
        };
        let why = match why.is_empty() {
            true => String::new(),
            false => format!(" (for {why})"),
        };
        let later = match moves && !simulation.knows(name) {
            true => ", as the index says once the steps before it are done",
            false => "",
        };
        lines.push(format!("{name}{version}{why}{later}"));
    }
    let asked = |name: &String| due.iter().any(|package| package.name == *name);
    let others: Vec<String> = simulation
        .installs
        .iter()
        .filter(|(name, _)| !asked(name))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    if !others.is_empty() {
        lines.push(format!(
            "with {} more that they bring: {}",
            others.len(),
            others.join(", ")
        ));
    }
    if !simulation.upgrades.is_empty() {
        lines.push(format!("upgrades {}", simulation.upgrades.join(", ")));
    }
    if !simulation.downgrades.is_empty() {
        lines.push(format!("DOWNGRADES {}", simulation.downgrades.join(", ")));
    }
    if !simulation.removes.is_empty() {
        lines.push(format!("REMOVES {}", simulation.removes.join(", ")));
    }
    if moves && due.iter().any(|package| simulation.knows(&package.name)) {
        lines.push("versions may be others once the steps before it are done".to_owned());
    }
    lines.into_iter()
}
