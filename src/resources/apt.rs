//! apt packages: those the playbook names and those that other kinds need, installed in one go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, Questions};
use crate::language::scalar::{Flag, Line, optional};
use crate::language::{Placed, Problem, Render, Section};
use crate::managed::announced::{Stands, What};
use crate::shell;

/// Which apt packages are installed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apt {
    /// Packages by name. Kinds bring their own: nginx sites need no `nginx` here.
    #[serde(default)]
    pub packages: Vec<Placed<Line>>,
    /// Whether what packages recommend comes along. Unless given it does, as the host's apt says, with those that
    /// are named here alone, and does not with those that kinds bring: `cron` brings no mail server.
    #[serde(default, deserialize_with = "optional")]
    pub recommends: Option<Flag>,
}

/// An index older than this is refreshed before something is installed from it, in minutes.
const FRESH: u32 = 24 * 60;

impl Section for Apt {
    fn render(&self, cx: &mut Render<'_>) {
        for placed in &self.packages {
            let package = &placed.value;
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
            if !package.0.chars().all(valid) || package.0.starts_with(['-', '.', '+']) {
                let problem = Problem::new(
                    format!("`{package}` is not a package name"),
                    "a Debian package name has lower-case letters, digits, `+`, `-` and `.`",
                );
                cx.wrong(problem, placed);
                continue;
            }
            cx.needs_package(&package.0, "");
        }
        if !cx.packages.is_empty() {
            let mends = std::mem::take(&mut cx.mends);
            let package = |(name, why): (&String, &String)| Package {
                name: name.clone(),
                why: why.clone(),
            };
            let packages = cx.packages.iter().map(package).collect();
            let files = cx.announced::<Stands>().filter(|stands| {
                matches!(stands.what, What::File(_)) && stands.path.starts_with("/etc/apt/")
            });
            let sources = files.map(|stands| Ref::Path(stands.path.clone())).collect();
            cx.push(Packages {
                id: Id::new("apt", "packages"),
                packages,
                mends,
                recommends: self.recommends.as_ref().map(|flag| flag.0),
                sources,
            });
        }
    }
}

#[derive(Debug)]
struct Package {
    name: String,
    /// The resource that brings it; empty where the playbook alone names it.
    why: String,
}

#[derive(Debug)]
struct Packages {
    id: Id,
    packages: Vec<Package>,
    recommends: Option<bool>,
    /// Files of this playbook that say where packages come from: they are there first.
    sources: Vec<Ref>,
    /// sh that mends what may keep a package from being installed.
    mends: BTreeMap<String, String>,
}

const LEAN: &str = "--no-install-recommends";

impl Packages {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.name.as_str())
    }

    /// apt's option for packages of one sort and those packages: first what kinds bring, then what is only named.
    fn batches(&self) -> [(&'static str, Vec<&str>); 2] {
        let option = |unless_given| match self.recommends {
            None => unless_given,
            Some(true) => "--install-recommends",
            Some(false) => LEAN,
        };
        let (named, brought): (Vec<&Package>, Vec<&Package>) =
            self.packages.iter().partition(|package| package.why.is_empty());
        [(option(LEAN), brought), (option(""), named)].map(|(option, packages)| {
            let names = packages.iter().map(|package| package.name.as_str());
            (option, names.collect())
        })
    }

    fn simulation(&self) -> String {
        let [lean, full] = self
            .batches()
            .map(|(option, names)| format!("simulate '{option}' \"$(missing {})\"", shell::words(names)));
        format!(
            "minutes={FRESH}\n{SIMULATION}begin {}\n{lean} | {{ {full}; cat; }}",
            shell::words(self.names()),
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
        if settled && !simulation.errors.is_empty() {
            return refusal(
                format!("apt cannot install them: {}", simulation.errors.join("; ")),
                "see what the package is called in this release, whether it is held or pinned (`apt-mark showhold`, `apt-cache policy NAME`), and whether the host's sources have it",
            );
        }
        Ok(())
    }
}

const INSTALL: &str = include_str!("apt.sh");
/// What apt would do.
const SIMULATED: &str = "apt.simulation";
const SIMULATION: &str = include_str!("apt_simulation.sh");

/// The version of a package that the host has, or else that apt would bring, where its index is there.
pub(super) fn version<'f>(facts: &'f Facts, package: &str) -> Option<&'f str> {
    let brings = |line: &'f str| {
        let rest = line.strip_prefix("install ")?.strip_prefix(package)?;
        rest.strip_prefix(' ')
    };
    let coming = || facts.output(SIMULATED).lines().find_map(brings);
    facts.package(package).or_else(coming)
}

impl Resource for Packages {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.names().map(|name| Ref::Package(name.to_owned())).collect()
    }

    fn needs(&self) -> Vec<Ref> {
        self.sources.clone()
    }

    fn brings_more(&self) -> bool {
        true
    }

    fn ask(&self, questions: &mut Questions) {
        for name in self.names() {
            questions.package(name);
        }
        questions.script(SIMULATED, self.simulation());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let missing: Vec<&Package> = self
            .packages
            .iter()
            .filter(|package| cx.installs(&package.name))
            .collect();
        let unfinished = cx.facts.unfinished();
        if missing.is_empty() && unfinished.is_none() {
            return Ok(Vec::new());
        }
        let simulation = Simulation::read(cx.facts.output(SIMULATED));
        let fresh = simulation.fresh && !self.sources.iter().any(|source| cx.changes(source));
        self.refuse(&simulation, fresh && unfinished.is_none())?;
        let refresh = !fresh || !simulation.errors.is_empty();
        let mut change = summary(&self.id, &missing, unfinished);
        change
            .details
            .extend(details(&missing, &simulation).map(Detail::Note));
        if refresh {
            let why = match simulation.installs.is_empty() && !missing.is_empty() {
                true => "; it says then which versions",
                false => "",
            };
            change = change.note(format!("the package index is refreshed first{why}"));
        }
        change = change.shell(INSTALL);
        if refresh {
            change = change.shell("apt update");
        }
        if unfinished.is_some() {
            change = change.shell("finish_interrupted");
        }
        // What the plan does not say is not removed.
        let keep = match simulation.removes.is_empty() {
            true => " --no-remove",
            false => "",
        };
        let mut installs = Vec::new();
        for (option, names) in self.batches() {
            let names: Vec<&str> = names.into_iter().filter(|name| cx.installs(name)).collect();
            if !names.is_empty() {
                let text = format!("apt -y{keep} {option} install {}", shell::words(names));
                installs.push(text.replace("  ", " "));
            }
        }
        let is_missing = |name: &String| missing.iter().any(|package| package.name == *name);
        let mends = self.mends.iter().filter(|(name, _)| is_missing(name));
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

fn summary(id: &Id, missing: &[&Package], unfinished: Option<&[String]>) -> Change {
    let names: Vec<&str> = missing.iter().map(|package| package.name.as_str()).collect();
    let install = match names.len() {
        0 => None,
        1 => Some(format!("install 1 package: {}", names[0])),
        count => Some(format!("install {count} packages: {}", names.join(", "))),
    };
    let finish = unfinished.map(|packages| match packages {
        [] => "finish what dpkg was interrupted in".to_owned(),
        packages => format!("finish what dpkg was interrupted in: {}", packages.join(", ")),
    });
    let verb = if finish.is_some() { Verb::Run } else { Verb::Create };
    let parts: Vec<String> = finish.into_iter().chain(install).collect();
    Change::new(id, verb, parts.join("; "))
}

/// What comes and goes, a line each.
fn details(missing: &[&Package], simulation: &Simulation) -> impl Iterator<Item = String> {
    let mut lines = Vec::new();
    for Package { name, why } in missing {
        let version = simulation
            .installs
            .iter()
            .find(|(known, _)| known == name)
            .map_or(String::new(), |(_, version)| format!(" {version}"));
        let why = match why.is_empty() {
            true => String::new(),
            false => format!(" (for {why})"),
        };
        lines.push(format!("{name}{version}{why}"));
    }
    let asked = |name: &String| missing.iter().any(|package| package.name == *name);
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
    if !simulation.removes.is_empty() {
        lines.push(format!("REMOVES {}", simulation.removes.join(", ")));
    }
    lines.into_iter()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Simulation {
    fresh: bool,
    installs: Vec<(String, String)>,
    /// `NAME OLD → NEW`.
    upgrades: Vec<String>,
    removes: Vec<String>,
    /// Names that several packages provide, and those.
    virtuals: Vec<(String, Vec<String>)>,
    errors: Vec<String>,
}

impl Simulation {
    /// Both batches are simulated, and may tell the same.
    fn read(text: &str) -> Self {
        fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
            if !list.contains(&item) {
                list.push(item);
            }
        }
        let mut simulation = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let fields: Vec<&str> = rest.split(' ').collect();
            match (word, &fields[..]) {
                ("fresh", _) => simulation.fresh = true,
                ("install", [name, version]) => {
                    add(&mut simulation.installs, ((*name).into(), (*version).into()));
                }
                ("upgrade", [name, old, new]) => {
                    add(&mut simulation.upgrades, format!("{name} {old} → {new}"));
                }
                ("remove", [name]) => add(&mut simulation.removes, (*name).into()),
                ("virtual", [name]) => simulation.virtuals.push(((*name).into(), Vec::new())),
                ("provider", [name]) => {
                    if let Some((_, providers)) = simulation.virtuals.last_mut() {
                        add(providers, (*name).into());
                    }
                }
                ("error", _) => add(&mut simulation.errors, rest.to_owned()),
                _ => {}
            }
        }
        simulation
    }
}

#[cfg(test)]
mod tests {
    use super::Simulation;

    #[test]
    fn a_simulation_tells_what_comes_and_goes() {
        let read = Simulation::read(
            "fresh\ninstall nginx 1.22\ninstall nginx 1.22\nupgrade libc6 2.36-9 2.36-10\nremove exim4\n\
            virtual mta\nprovider postfix\nprovider dma\nerror Unable to locate package x",
        );
        assert!(read.fresh);
        assert_eq!(read.installs, [("nginx".into(), "1.22".into())]);
        assert_eq!(read.upgrades, ["libc6 2.36-9 → 2.36-10"]);
        assert_eq!(read.removes, ["exim4"]);
        assert_eq!(
            read.virtuals,
            [("mta".into(), vec!["postfix".into(), "dma".into()])]
        );
        assert_eq!(read.errors, ["Unable to locate package x"]);
    }
}
