//! The desired state: what a playbook says a host should be, with nothing left to look up.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

pub mod check;

use self::check::Check;
use crate::change::{Change, Content, Id};
use crate::daemons::text::{self, Account};
use crate::edit::{Edit, Made};
use crate::facts::{Facts, Questions, Remains, is_everywhere};
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

    /// Whether its change ends what runs in the unit `unit`, or may end it: the ports that were taken may then be free.
    fn ends(&self, _unit: &str, _cx: &Context<'_>) -> bool {
        false
    }

    /// What may run on the host from other than what is wanted now: it stays as long as it does.
    fn runs_from(&self, _facts: &Facts) -> Vec<String> {
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

    /// The file of others that it alters, and how.
    fn edits(&self) -> Option<(&str, &Edit)> {
        None
    }

    /// Whether it goes on with the file at `path`, which was declared as a whole before.
    fn goes_on_with(&self, _path: &str, _facts: &Facts) -> bool {
        false
    }

    /// What of it is taken away when the playbook no longer declares it.
    fn remains(&self) -> Remains {
        Remains::default()
    }

    /// What of that is not on the host yet, so that it is this playbook that makes it.
    fn makes(&self, cx: &Context<'_>) -> Remains {
        cx.facts.missing(self.remains())
    }

    /// The texts that daemons read when it is done, each by the path at which they read it.
    fn texts(&self) -> Vec<(String, &[u8])> {
        let text = |path: &str| Some((path.to_owned(), self.content(path)?));
        self.paths().into_iter().filter_map(text).collect()
    }

    /// Why nothing is done about it now though it is not as it should be, and when it will be.
    fn waits(&self, _cx: &Context<'_>) -> Option<String> {
        None
    }

    /// What a person must know of it though nothing of it changes.
    fn remark(&self, _cx: &Context<'_>) -> Option<String> {
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

/// What a playbook means, to be kept on the host: from it the desired state can be made again.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// A hash of it.
    pub digest: String,
    /// It as JSON.
    pub bundle: String,
    /// The contents that it names by their hashes.
    pub contents: Vec<Content>,
}

/// What a host should be. Its entries stand in the order in which they are applied.
#[derive(Debug)]
pub struct Desired {
    /// The playbook's name.
    pub name: String,
    /// Everything that shall be so, dependencies first.
    pub entries: Vec<Entry>,
    /// What must be so before anything is changed.
    pub before: Vec<Check>,
    /// What must answer when all is in place.
    pub checks: Vec<Check>,
    /// What must not be shown.
    pub secrets: Secrets,
    /// Remarks on the playbook, each with its place.
    pub warnings: Vec<String>,
    /// How many generations of it the host keeps.
    pub keep: u32,
    /// What is kept of it on the host; none where it would hold a secret.
    pub meaning: Option<Meaning>,
}

impl Desired {
    /// All that it would leave on a host.
    pub fn remains(&self) -> Remains {
        let mut all = Remains::default();
        for entry in &self.entries {
            all.extend(entry.resource.remains());
        }
        all
    }

    /// Everything that must be known of the host to make a plan.
    pub fn questions(&self) -> Questions {
        let mut questions = Questions::default();
        let digest = self.meaning.as_ref().map_or("", |meaning| &meaning.digest);
        questions.generations(&self.name, digest);
        for entry in &self.entries {
            entry.resource.ask(&mut questions);
            for need in needs(&*entry.resource, &self.entries) {
                match need {
                    Ref::User(name) if !is_everywhere(&name) => questions.user(&name),
                    Ref::Group(name) if !is_everywhere(&name) => questions.group(&name),
                    _ => {}
                }
            }
            for (path, text) in texts(&*entry.resource, &self.entries) {
                if text::listening(&path, text).is_some() {
                    questions.listening();
                }
                if text::nginx::is_site(&path) {
                    questions.script(SITES, text::nginx::ASK);
                }
                if text::logrotate::is_file(&path) {
                    questions.script(ROTATIONS, text::logrotate::ASK);
                }
            }
        }
        questions
    }
}

/// The names of script questions: nginx's sites, and logrotate's files.
pub const SITES: &str = "nginx.sites";
/// The same.
pub const ROTATIONS: &str = "logrotate.files";

/// The texts that daemons read when `resource` is done, also through its links.
pub fn texts<'a>(resource: &'a dyn Resource, entries: &'a [Entry]) -> Vec<(String, &'a str)> {
    let own = resource.texts().into_iter();
    let behind = resource.paths().into_iter().zip(resource.leads_to());
    let behind = behind.filter_map(|(path, target)| {
        let text = entries.iter().find_map(|entry| entry.resource.content(&target))?;
        Some((path.to_owned(), text))
    });
    own.chain(behind)
        .filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
        .collect()
}

/// What must be there before `resource`: what it needs itself, and who is named in what daemons read of it.
pub fn needs(resource: &dyn Resource, entries: &[Entry]) -> Vec<Ref> {
    let accounts = texts(resource, entries)
        .into_iter()
        .flat_map(|(path, text)| text::accounts(&path, text));
    let named = accounts.map(|account| match account {
        Account::User(name) => Ref::User(name),
        Account::Group(name) => Ref::Group(name),
    });
    resource.needs().into_iter().chain(named).collect()
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

    /// Whether some resource other than `id` puts `path` in place.
    pub fn provided_before(&self, path: &str, id: &Id) -> bool {
        let others = self.entries.iter().map(|entry| &entry.resource);
        let others = others.take_while(|resource| resource.id() != id);
        others
            .into_iter()
            .any(|other| other.provides().contains(&Ref::Path(path.to_owned())))
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

    /// What `id` made of the file at `path` when the playbook was applied before.
    pub fn known(&self, id: &Id, path: &str) -> Option<Made> {
        self.facts.made().edits.remove(&format!("{id} {path}"))
    }

    /// The text of the file at `path` when this plan has come to `id`; nothing where the file is not there.
    ///
    /// # Errors
    /// Why an edit before cannot be made.
    pub fn text_before(&self, id: &Id, path: &str) -> Result<String, String> {
        let found = self.facts.content(path).unwrap_or_default();
        let mut text = String::from_utf8_lossy(found).into_owned();
        for resource in self.entries.iter().map(|entry| &entry.resource) {
            if resource.id() == id {
                break;
            }
            if let Some((_, edit)) = resource.edits().filter(|(at, _)| *at == path) {
                let known = self.known(resource.id(), path);
                text = edit.apply(&text, known.as_ref().map(|made| &made.edit))?.text;
            }
        }
        Ok(text)
    }

    /// What needs the user or group `account`.
    pub fn needed_by(&self, account: &Ref) -> Option<Id> {
        let mut resources = self.entries.iter().map(|entry| &entry.resource);
        let needing = resources.find(|resource| needs(&***resource, self.entries).contains(account));
        needing.map(|resource| resource.id().clone())
    }

    /// Whether something goes on with the file at `path`, which is no longer declared as a whole.
    pub fn goes_on_with(&self, path: &str) -> bool {
        let mut resources = self.entries.iter().map(|entry| &entry.resource);
        resources.any(|resource| resource.goes_on_with(path, self.facts))
    }

    /// Whether something that changes before may end what runs in the unit `unit`.
    pub fn ends(&self, unit: &str) -> bool {
        let changed = |entry: &&Entry| self.changed.contains(entry.resource.id());
        let mut changed = self.entries.iter().filter(changed);
        changed.any(|entry| entry.resource.ends(unit, self))
    }

    /// Whether `package` is not on the host yet (and so whatever it brings is not, either).
    pub fn installs(&self, package: &str) -> bool {
        self.facts.package(package).is_none()
    }
}
