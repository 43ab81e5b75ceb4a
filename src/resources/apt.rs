//! apt: packages, those that the playbook names and those that other kinds need, where they come from, and which stay or go.

mod debconf;
mod hold;
mod openpgp;
mod packages;
mod removal;
mod repository;
mod simulation;
mod unattended;
mod wanted;
mod words;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use self::debconf::Answers;
use self::hold::Hold;
pub(super) use self::hold::restore;
use self::packages::{Package, Packages};
use self::removal::Removal;
use self::repository::Repository;
pub(super) use self::simulation::version;
use self::unattended::UnattendedUpgrades;
use self::wanted::{Wanted, check_name};
pub(crate) use self::words::READING;
use crate::change::Id;
use crate::desired::Ref;
use crate::language::scalar::{Flag, Line, Name, Priority, optional};
use crate::language::{Placed, Problem, Render, Section};
use crate::managed::announced::{Stands, What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// What a host has by apt, and from where.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apt {
    /// Packages by name, also with their versions (`nginx=1.22.*`). Kinds bring their own: nginx sites need no `nginx` here.
    #[serde(default)]
    pub packages: Vec<Placed<Wanted>>,
    /// Whether what packages recommend comes along. Unless given it does, as the host's apt says, with those that
    /// are named here alone, and does not with those that kinds bring: `cron` brings no mail server.
    #[serde(default, deserialize_with = "optional")]
    pub recommends: Option<Flag>,
    /// Packages that go, by name; what depends on them goes, too, and a plan says so. Their configuration stays.
    #[serde(default)]
    pub removed: Vec<Placed<Line>>,
    /// Packages that go with their configuration.
    #[serde(default)]
    pub purged: Vec<Placed<Line>>,
    /// Repositories beside the host's own, by name.
    #[serde(default)]
    pub repositories: IndexMap<Name, Placed<Repository>>,
    /// Which versions apt prefers, by a name for each.
    #[serde(default)]
    pub pins: IndexMap<Name, Placed<Pin>>,
    /// Answers to what packages ask when they are installed, by package and question.
    #[serde(default)]
    pub debconf: IndexMap<Name, Placed<Answers>>,
    /// Upgrades that the host makes by itself. `{}` has them as the package `unattended-upgrades` does them.
    #[serde(default)]
    pub unattended_upgrades: Option<Placed<UnattendedUpgrades>>,
}

/// Which versions apt prefers (apt_preferences(5)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Of which packages: `nginx`, `nginx*`, `*`.
    package: Line,
    /// Which versions: `version 1.22.*`, `release n=bookworm-backports`, `origin packages.example.com`.
    pin: Line,
    /// How much: 500 is what every version has; below 0 one is never installed, above 1000 also in place of a newer one.
    priority: Priority,
}

impl Pin {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if !["version ", "release ", "origin "]
            .iter()
            .any(|word| self.pin.0.starts_with(word))
        {
            return Err(Problem::new(
                format!("`{}` does not say which versions are meant", self.pin),
                "begin it with `version`, `release` or `origin`: `version 1.22.*`",
            ));
        }
        let text = format!(
            "# Managed by hostwright ({}): changes made here are undone by the next apply.\n\
            Package: {}\nPin: {}\nPin-Priority: {}\n",
            cx.document.name, self.package, self.pin, self.priority
        );
        let file = ManagedFile::new(pin_path(name), cx.content(text.into_bytes()));
        cx.push(Plain {
            id: pin_id(name),
            file,
        });
        Ok(())
    }
}

fn pin_path(name: &str) -> String {
    format!("/etc/apt/preferences.d/{name}.pref")
}

fn pin_id(name: &str) -> Id {
    Id::new("apt", &format!("pin.{name}"))
}

impl Section for Apt {
    fn announce(&self, cx: &mut Render<'_>) {
        for name in self.repositories.keys() {
            stands(cx, &repository::path(&name.0), What::File(None));
        }
        for name in self.pins.keys() {
            stands(cx, &pin_path(&name.0), What::File(None));
        }
        if let Some(placed) = &self.unattended_upgrades {
            placed.value.announce(cx);
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        // Where else packages come from, and which are preferred, makes no difference to a repository.
        let matters = |path: &Ref| match path {
            Ref::Path(path) => {
                !path.starts_with("/etc/apt/sources.list") && !path.starts_with("/etc/apt/preferences")
            }
            _ => true,
        };
        let mut files = self.sources(cx);
        files.retain(matters);
        // A file that goes may name the same source with another key, and apt reads none of them then.
        let goes = cx.announced::<Stands>().filter(|stands| {
            matches!(stands.what, What::Nothing) && stands.path.starts_with("/etc/apt/sources.list")
        });
        files.extend(goes.map(|stands| Ref::Id(Id::new("absent", &stands.path))));
        for (name, placed) in &self.repositories {
            self.tell(placed, cx, |repository, cx| {
                repository.render(&name.0, &files, cx)
            });
        }
        for (name, placed) in &self.pins {
            self.tell(placed, cx, |pin, cx| pin.render(&name.0, cx));
        }
        for (package, placed) in &self.debconf {
            let comes = cx.packages.contains_key(&package.0) || self.said(&package.0).next().is_some();
            self.tell(placed, cx, |answers, cx| {
                debconf::render(&package.0, answers, comes, cx)
            });
        }
        if let Some(placed) = &self.unattended_upgrades {
            self.tell(placed, cx, |upgrades, cx| upgrades.render(cx));
        }
        for placed in &self.packages {
            self.tell(placed, cx, |wanted, cx| {
                wanted.check()?;
                let first = self.said(wanted.name()).next();
                if first.is_some_and(|first| {
                    first.version() != wanted.version() || first.holds() != wanted.holds()
                }) {
                    return Err(Problem::new(
                        format!(
                            "`{}` is named twice, and not with the same version or `hold`",
                            wanted.name()
                        ),
                        "say all of it in one place",
                    ));
                }
                cx.needs_package(wanted.name(), "");
                if wanted.holds() {
                    cx.push(Hold::new(wanted.name()));
                }
                Ok(())
            });
        }
        self.removal(cx);
        self.installation(cx);
    }
}

impl Apt {
    fn tell<T>(
        &self,
        placed: &Placed<T>,
        cx: &mut Render<'_>,
        render: impl FnOnce(&T, &mut Render<'_>) -> Result<(), Problem>,
    ) {
        cx.turn_to(placed);
        if let Err(problem) = render(&placed.value, cx) {
            cx.wrong(problem, placed);
        }
    }

    /// What goes.
    fn removal(&self, cx: &mut Render<'_>) {
        for placed in self.removed.iter().chain(&self.purged) {
            self.tell(placed, cx, |package, cx| {
                check_name(&package.0)?;
                if package.0.contains(':') {
                    return Err(Problem::new(
                        format!("`{package}` names an architecture"),
                        "name the package alone",
                    ));
                }
                let bare = |name: &str| name.split(':').next() == Some(package.0.as_str());
                let mut needed = cx.packages.iter().filter(|(name, _)| bare(name));
                match needed.next().map(|(_, why)| why.as_str()) {
                    None => Ok(()),
                    Some("") => Err(Problem::new(
                        format!("`{package}` is to be installed and to be removed"),
                        "take it out of one of the two lists",
                    )),
                    Some(why) => Err(Problem::new(
                        format!("`{package}` cannot be removed: {why} needs it"),
                        "take it out of the list, or what needs it out of the playbook",
                    )),
                }
            });
        }
        if self.unwanted().next().is_none() {
            return;
        }
        let names = |list: &[Placed<Line>]| list.iter().map(|placed| placed.value.0.clone()).collect();
        let needed = cx.packages.iter();
        cx.push(Removal {
            id: Id::new("apt", "removed"),
            removed: names(&self.removed),
            purged: names(&self.purged),
            needed: needed.map(|(name, why)| (name.clone(), why.clone())).collect(),
        });
    }

    /// Files of others below `/etc/apt`: sources, options, credentials.
    fn sources(&self, cx: &Render<'_>) -> Vec<Ref> {
        let own = self.repositories.keys().map(|name| repository::path(&name.0));
        let own: Vec<String> = own
            .chain(self.pins.keys().map(|name| pin_path(&name.0)))
            .collect();
        let files = cx.announced::<Stands>().filter(|stands| {
            let is_file = matches!(stands.what, What::File(_));
            is_file && stands.path.starts_with("/etc/apt/") && !own.contains(&stands.path)
        });
        let sources = files.map(|stands| Ref::Path(stands.path.clone()));
        sources
            .filter(|source| !UnattendedUpgrades::is_own(source))
            .collect()
    }

    /// What is said of a package, each time that it is named.
    fn said(&self, package: &str) -> impl Iterator<Item = &Wanted> {
        let all = self.packages.iter().map(|placed| &placed.value);
        all.filter(move |wanted| wanted.name() == package)
    }

    fn unwanted(&self) -> impl Iterator<Item = &str> {
        let all = self.removed.iter().chain(&self.purged);
        all.map(|placed| placed.value.0.as_str())
    }

    /// What comes.
    fn installation(&self, cx: &mut Render<'_>) {
        if cx.packages.is_empty() {
            return;
        }
        let said: BTreeMap<&str, &Wanted> = self
            .packages
            .iter()
            .map(|placed| (placed.value.name(), &placed.value))
            .collect();
        let package = |(name, why): (&String, &String)| Package {
            name: name.clone(),
            why: why.clone(),
            version: said
                .get(name.as_str())
                .and_then(|wanted| wanted.version())
                .map(str::to_owned),
            held: said.get(name.as_str()).is_some_and(|wanted| wanted.holds()),
        };
        let packages = cx.packages.iter().map(package).collect();
        let repositories = self.repositories.keys().map(|name| repository::id(&name.0));
        let pins = self.pins.keys().map(|name| pin_id(&name.0));
        let removal = self.unwanted().next().map(|_| Id::new("apt", "removed"));
        let released = self.packages.iter().filter(|placed| !placed.value.holds());
        let released = released.map(|placed| hold::released(placed.value.name()));
        let sources = self.sources(cx);
        let mends = std::mem::take(&mut cx.mends);
        cx.push(Packages {
            id: Id::new("apt", "packages"),
            packages,
            recommends: self.recommends.as_ref().map(|flag| flag.0),
            sources,
            before: repositories
                .chain(pins)
                .chain(removal)
                .chain(released)
                .map(Ref::Id)
                .collect(),
            answers: self
                .debconf
                .keys()
                .map(|package| Ref::Id(debconf::id(&package.0)))
                .collect(),
            unwanted: self.unwanted().map(str::to_owned).collect(),
            mends,
        });
    }
}
