//! The desired state: what a playbook says a host should be, with nothing left to look up.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

pub mod check;

use self::check::Check;
use crate::change::{Change, Id};
use crate::facts::{Facts, Questions, is_everywhere};
use crate::path::parent;
use crate::secret::Secrets;

/// A thing that one resource makes and another needs. Users and groups that nobody provides must be on the host;
/// other needs that nobody provides are taken to be there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ref {
    /// Another resource, by its id.
    Id(Id),
    /// A path; whoever provides a directory above it provides it.
    Path(String),
    /// An apt package.
    Package(String),
    /// A user.
    User(String),
    /// A group.
    Group(String),
}

/// A TCP port at which a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The port.
    pub port: u16,
    /// The daemon's process, named as its package and its unit are.
    pub process: &'static str,
}

/// A change that would do harm, found before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{id}: {cause}")]
#[diagnostic(help("{mend}"))]
pub struct Refusal {
    /// Whose change it is.
    pub id: Id,
    /// What would happen.
    pub cause: String,
    /// What to do instead.
    pub mend: String,
}

/// One thing on a host: what it must know, and the pure difference between what is and what shall be.
pub trait Resource: Debug + Send + Sync {
    /// Its identity.
    fn id(&self) -> &Id;

    /// What others may need of it.
    fn provides(&self) -> Vec<Ref> {
        Vec::new()
    }

    /// What must be there first.
    fn needs(&self) -> Vec<Ref> {
        Vec::new()
    }

    /// Whether it brings what it cannot name: a package's users and files, whatever a command makes.
    fn brings_more(&self) -> bool {
        false
    }

    /// The ports at which its daemon will listen.
    fn listens(&self) -> Vec<Listen> {
        Vec::new()
    }

    /// A fingerprint of what it puts in place, for daemons that must load it again when it changes.
    fn version(&self) -> Option<String> {
        None
    }

    /// The same of one path that it puts in place.
    fn version_of(&self, _path: &str) -> Option<String> {
        self.version()
    }

    /// Where it decides what stands: daemons that read there load it.
    fn paths(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What its links point to: a daemon that reads a link reads what stands there.
    fn leads_to(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it puts into the file at `path`, if it does.
    fn content(&self, path: &str) -> Option<&[u8]> {
        let _ = path;
        None
    }

    /// Says what it must know of the host.
    fn ask(&self, questions: &mut Questions);

    /// The changes that make the host as it should be; none when it is.
    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal>;
}

/// A resource with what orders it.
#[derive(Debug)]
pub struct Entry {
    /// The resource.
    pub resource: Box<dyn Resource>,
    /// The place of its kind in the list of kinds.
    pub kind: usize,
    /// Ids it must come after because the playbook says so.
    pub after: Vec<Id>,
}

/// What a host should be. Its entries stand in the order in which they are applied.
#[derive(Debug)]
pub struct Desired {
    /// The playbook's name.
    pub name: String,
    /// Everything that shall be so, dependencies first.
    pub entries: Vec<Entry>,
    /// What must answer when all is in place.
    pub checks: Vec<Check>,
    /// What must not be shown.
    pub secrets: Secrets,
    /// Remarks on the playbook, each with its place.
    pub warnings: Vec<String>,
}

impl Desired {
    /// Everything that must be known of the host to make a plan.
    pub fn questions(&self) -> Questions {
        let mut questions = Questions::default();
        for entry in &self.entries {
            entry.resource.ask(&mut questions);
            for need in entry.resource.needs() {
                match need {
                    Ref::User(name) if !is_everywhere(&name) => questions.user(&name),
                    Ref::Group(name) if !is_everywhere(&name) => questions.group(&name),
                    _ => {}
                }
            }
            if !entry.resource.listens().is_empty() {
                questions.listening();
            }
        }
        questions
    }
}

/// Who provides what.
#[derive(Debug, Default)]
pub struct Providers {
    by_ref: HashMap<Ref, usize>,
}

impl Providers {
    /// Collects what `entries` provide; the number is the entry's place.
    pub fn of(entries: &[Entry]) -> Self {
        let mut by_ref = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_ref.insert(Ref::Id(entry.resource.id().clone()), index);
            for provided in entry.resource.provides() {
                // A path may be written twice (a site before and after its certificate): the last one counts.
                by_ref.insert(provided, index);
            }
        }
        Self { by_ref }
    }

    /// The entry that provides `wanted`; for a path, the nearest one above it if none is exact.
    pub fn find(&self, wanted: &Ref) -> Option<usize> {
        if let Some(index) = self.by_ref.get(wanted) {
            return Some(*index);
        }
        let Ref::Path(path) = wanted else { return None };
        let parent = parent(path)?;
        self.find(&Ref::Path(parent.to_owned()))
    }
}

/// What a resource may look at while it makes its difference.
#[derive(Debug)]
pub struct Context<'a> {
    /// What was found on the host.
    pub facts: &'a Facts,
    /// All resources, in order.
    pub entries: &'a [Entry],
    /// Who provides what.
    pub providers: &'a Providers,
    /// Those that change in this plan, as far as it has been made.
    pub changed: &'a HashSet<Id>,
    /// Where those put something else, or take away what stands there.
    pub replaced: &'a HashSet<String>,
    /// Whether one of those brings what it cannot name.
    pub more: bool,
}

impl Context<'_> {
    /// Whether the provider of `wanted` changes in this plan.
    pub fn changes(&self, wanted: &Ref) -> bool {
        self.providers
            .find(wanted)
            .is_some_and(|index| self.changed.contains(self.entries[index].resource.id()))
    }

    /// Whether something else stands at `path`, or above it (a link to another release), when this plan has come so far.
    pub fn replaces(&self, path: &str) -> bool {
        std::iter::successors(Some(path), |path| parent(path)).any(|path| self.replaced.contains(path))
    }

    /// The resource that puts `path` (or a directory above it) in place.
    pub fn provides(&self, path: &str) -> Option<&Id> {
        let index = self.providers.find(&Ref::Path(path.to_owned()))?;
        Some(self.entries[index].resource.id())
    }

    /// Whether some resource puts `path` (or a directory above it) in place.
    pub fn provided(&self, path: &str) -> bool {
        self.provides(path).is_some()
    }

    /// The fingerprint of what provides `wanted`.
    pub fn version(&self, wanted: &Ref) -> Option<String> {
        let resource = &self.entries[self.providers.find(wanted)?].resource;
        match wanted {
            Ref::Path(path) => resource.version_of(path),
            _ => resource.version(),
        }
    }

    /// What this playbook puts into the file at `path`.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.entries.iter().find_map(|entry| entry.resource.content(path))
    }

    /// Whether `package` is not on the host yet (and so whatever it brings is not, either).
    pub fn installs(&self, package: &str) -> bool {
        self.facts.package(package).is_none()
    }
}
