//! The difference between what shall be and what is.

use std::collections::{BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{access, accounts, conflicts, daemons, ports, shared};
use crate::change::{Action, Change, Detail, Id, sha256};
use crate::desired::{Context, Desired, Meaning, Providers, Refusal, Resource};
use crate::facts::{Facts, Remains};
use crate::transaction::compile::{OnFailure, compile};

/// What would change on one host, in the order in which it would be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// The playbook's name.
    pub playbook: String,
    /// `user@host`, as it was asked for.
    pub host: String,
    /// The address and port that were reached.
    pub address: String,
    /// The host's distribution and its version.
    pub release: String,
    /// A hash of what was found on the host.
    pub facts: String,
    /// A hash of what would be done, by which version of hostwright, and of what the playbook means: what was read
    /// is what runs. Of secrets nothing is in it.
    pub digest: String,
    /// The number of the playbook's newest generation on the host, if it has been applied there.
    pub generation: Option<u32>,
    /// Whether applying it makes a generation: the playbook means something else than that.
    pub records: bool,
    /// What the playbook has made on the host when this is applied. What was there before is none of it.
    #[serde(skip)]
    pub made: Remains,
    /// What of others' it puts its own in place of, or alters.
    #[serde(skip)]
    pub originals: BTreeSet<String>,
    /// The changes; none when the host is as it should be, but for what waits.
    pub changes: Vec<Change>,
    /// What else must be known of resources.
    pub remarks: Vec<Remark>,
}

/// What a plan says of a resource beside its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Remark {
    /// The resource.
    pub id: Id,
    /// Whether it is left undone for now.
    pub waits: bool,
    /// Why; or what a person must know of it.
    pub text: String,
}

impl Remark {
    fn new(id: &Id, waits: bool, text: String) -> Self {
        Self {
            id: id.clone(),
            waits,
            text,
        }
    }
}

impl Plan {
    /// What is left undone for now.
    pub fn waiting(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(|remark| remark.waits)
    }

    /// Whether the host is as the playbook says.
    pub fn is_fulfilled(&self) -> bool {
        self.changes.is_empty() && self.waiting().next().is_none()
    }

    /// Whether applying it changes nothing on the host, and makes no generation.
    pub fn does_nothing(&self) -> bool {
        self.changes.is_empty() && !self.records
    }
}

/// Why there is no plan for a host.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PlanError {
    /// The probe did not run as root.
    #[error("the host is not read as root but as the user number {uid}")]
    #[diagnostic(help("log in as root, or as a user whom sudo lets become root without a password"))]
    NotRoot {
        /// The user's number.
        uid: String,
    },
    /// The host lacks tools that every Ubuntu and Debian has.
    #[error("the host lacks {}", .0.join(", "))]
    #[diagnostic(help("hostwright manages Ubuntu and Debian; install what is missing with apt-get"))]
    Lacks(Vec<String>),
    /// A change would do harm.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] Refusal),
}

/// Makes the plan; whoever knows the host names it.
///
/// # Errors
/// When the host cannot be managed, or a change would do harm.
pub fn plan(desired: &Desired, facts: &Facts) -> Result<Plan, PlanError> {
    if !facts.system.lacks.is_empty() {
        return Err(PlanError::Lacks(facts.system.lacks.clone()));
    }
    if facts.system.uid != "0" {
        return Err(PlanError::NotRoot {
            uid: facts.system.uid.clone(),
        });
    }
    shared::refuse(desired, facts)?;
    let providers = Providers::of(&desired.entries);
    let mut changed = HashSet::new();
    let mut replaced = HashSet::new();
    let mut changes = Vec::new();
    let mut loads = HashSet::new();
    let mut more = false;
    let mut gone = HashSet::new();
    let known = facts.made();
    let mut made = known.clone();
    let mut remarks = Vec::new();
    let mut waiting = HashSet::new();
    for entry in &desired.entries {
        let context = Context {
            facts,
            entries: &desired.entries,
            providers: &providers,
            changed: &changed,
            replaced: &replaced,
            more,
        };
        let id = entry.resource.id();
        if let Some(text) = entry.resource.waits(&context) {
            waiting.insert(id.clone());
            remarks.push(Remark::new(id, true, text));
            continue;
        }
        if let Some(other) = waits_for(&*entry.resource, &context, &waiting)? {
            remarks.push(Remark::new(id, true, format!("it waits for {other}")));
            continue;
        }
        let text = entry.resource.remark(&context);
        remarks.extend(text.map(|text| Remark::new(id, false, text)));
        made.extend(entry.resource.makes(&context));
        let unseen = accounts::unseen(&*entry.resource, &context)?;
        ports::refuse_taken(&*entry.resource, &context)?;
        let own = entry.resource.diff(&context)?;
        gone.extend(own.iter().flat_map(|change| &change.actions).filter_map(removed));
        conflicts::refuse(&*entry.resource, &context, &gone)?;
        made.replaced
            .extend(takes_over(&*entry.resource, &own, facts, &known));
        let mut own = daemons::loading(entry.resource.as_ref(), &context, own, &mut loads)?;
        if let Some(first) = own.first_mut() {
            let notes = unseen.iter().map(|what| {
                format!("the {what} is not there yet: a package or command before it must bring it")
            });
            first.details.extend(notes.map(Detail::Note));
            changed.insert(id.clone());
            more |= entry.resource.brings_more();
        }
        let actions = own.iter().flat_map(|change| &change.actions);
        replaced.extend(actions.filter_map(Action::replaces).map(str::to_owned));
        changes.extend(own.into_iter().map(access::kept));
    }
    changes.extend(daemons::left(facts, &loads));
    let latest = facts
        .generations()
        .into_iter()
        .find(|latest| latest.playbook == desired.name);
    let is_new = |meaning: &Meaning| {
        latest
            .as_ref()
            .is_none_or(|latest| latest.digest != meaning.digest)
    };
    let meaning = desired.meaning.as_ref().map_or("", |meaning| &meaning.digest);
    let originals = made.replaced.difference(&known.replaced).cloned().collect();
    Ok(Plan {
        made,
        originals,
        generation: latest.as_ref().map(|latest| latest.number),
        records: desired.meaning.as_ref().is_some_and(is_new),
        playbook: desired.name.clone(),
        host: String::new(),
        address: String::new(),
        release: facts.system.release.clone(),
        facts: facts.fingerprint(),
        digest: digest(meaning, &changes),
        changes,
        remarks,
    })
}

/// Which of those that wait `resource` needs, if it would change: what needs it in turn can do without.
fn waits_for(
    resource: &dyn Resource,
    cx: &Context<'_>,
    waiting: &HashSet<Id>,
) -> Result<Option<Id>, Refusal> {
    if waiting.is_empty() {
        return Ok(None);
    }
    let providers = resource
        .needs()
        .into_iter()
        .filter_map(|need| cx.providers.find(&need));
    let mut ids = providers.map(|index| cx.entries[index].resource.id());
    match ids.find(|id| waiting.contains(*id)) {
        Some(id) if !resource.diff(cx)?.is_empty() => Ok(Some(id.clone())),
        _ => Ok(None),
    }
}

/// The files and links of others that a resource puts its own in place of, and the files and directories to which it
/// gives another owner or mode.
fn takes_over(resource: &dyn Resource, own: &[Change], facts: &Facts, known: &Remains) -> Vec<String> {
    let remains = resource.remains();
    let actions = own.iter().flat_map(|change| &change.actions);
    let taken = actions.filter_map(|action| match action {
        Action::Write { path, .. } | Action::Link { path, .. } => Some((path, ['f', 'l'])),
        Action::Attributes { path, .. } => Some((path, ['f', 'd'])),
        _ => None,
    });
    let theirs = taken.filter(|(path, kinds)| {
        remains.has_place(path)
            && !known.has_place(path)
            && facts.path(path).is_some_and(|fact| kinds.contains(&fact.kind))
    });
    theirs.map(|(path, _)| path.clone()).collect()
}

fn digest(meaning: &str, changes: &[Change]) -> String {
    let mut changes = changes.to_vec();
    for action in changes.iter_mut().flat_map(|change| &mut change.actions) {
        match action {
            Action::Write { content, .. } if content.secret => content.sha256 = "secret".into(),
            // It is made of what is written and of what the playbook means, and may be the hash of a secret.
            Action::Loaded { value, .. } => value.clear(),
            _ => {}
        }
    }
    let program = compile("", "", &changes, None, OnFailure::Stop);
    sha256(format!("{} {meaning}\n{program}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// What an action takes away.
fn removed(action: &Action) -> Option<String> {
    match action {
        Action::Remove { path, .. } | Action::Delete { path } => Some(path.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Content, Verb};

    #[test]
    fn nothing_of_a_secret_is_in_the_digest() {
        let digest_with = |secret: &str| {
            let content = Content::new(secret.as_bytes(), true);
            let loaded = content.sha256.clone();
            let write = Action::Write {
                path: "/etc/app".into(),
                content,
                mode: "0600".into(),
                owner: "root:root".into(),
                validate: None,
                like: None,
            };
            let loaded = Action::Loaded {
                name: "app".into(),
                value: loaded,
            };
            let change = Change::new(&Id::new("file", "/etc/app"), Verb::Update, "write it");
            digest("", &[change.action(write).action(loaded)])
        };
        assert_eq!(digest_with("hunter22"), digest_with("hunter23"));
    }
}
