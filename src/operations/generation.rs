//! Generations: what the host remembers of an apply that went well.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::author::Author;
use crate::change::Verb;
use crate::desired::Desired;
use crate::facts::Declared;
use crate::plan::Plan;
use crate::playbook::bundle::Bundle;
use crate::transaction::record::Record;

/// A text longer than this stays on the host when its generation is rendered again, in bytes.
const FETCHED: u64 = 64 * 1024;

/// A generation, as it stands on the host in `generation.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Generation {
    /// When it was applied, in seconds since 1970.
    pub at: u64,
    /// By whom.
    pub by: Author,
    /// What the apply changed.
    pub changes: Changes,
    /// The digest of the plan that was applied.
    pub plan: String,
}

/// How many changes of which sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// Things that were made.
    pub created: usize,
    /// Things that were altered.
    pub updated: usize,
    /// Things that were taken away.
    pub removed: usize,
    /// Commands that were run.
    pub run: usize,
}

impl Changes {
    fn of(plan: &Plan) -> Self {
        let count = |verb| plan.changes.iter().filter(|change| change.verb == verb).count();
        Self {
            created: count(Verb::Create),
            updated: count(Verb::Update),
            removed: count(Verb::Remove),
            run: count(Verb::Run),
        }
    }
}

/// What a run says of itself while it goes on, in its folder's `about`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The playbook's name.
    pub playbook: String,
    /// When it began, in seconds since 1970, by the clock of whoever began it.
    pub at: u64,
    /// By whom.
    pub by: Author,
    /// How many steps it has.
    pub steps: usize,
}

/// What a host remembers.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct History {
    /// The generations that it keeps, the oldest first, playbook by playbook.
    pub generations: Vec<Kept>,
    /// The runs that it remembers, the oldest first.
    pub runs: Vec<Run>,
    /// What hostwright keeps there in all, in KiB on the disk.
    pub disk: u64,
}

/// A generation that a host keeps.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Kept {
    /// The playbook's name.
    pub playbook: String,
    /// The generation's number.
    pub number: u32,
    /// The run that made it.
    pub run: String,
    /// Who made it of what.
    #[serde(flatten)]
    pub generation: Generation,
}

/// A run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// How it ended: `ok`, `failed`, `busy` (another one held the lock), `cut` (off, by a host that lost its power,
    /// say), or `running`.
    pub end: String,
    /// What it was to do.
    #[serde(flatten)]
    pub about: About,
}

/// What is written down of an apply: that it goes on and, where it makes a generation, that.
pub fn records(desired: &Desired, plan: &Plan) -> (String, Option<Record>) {
    let made = plan.made.clone().within(&desired.remains());
    let bundle = desired
        .meaning
        .as_ref()
        .map(|meaning| serde_json::from_str::<Bundle>(&meaning.bundle));
    let bundle = bundle.and_then(Result::ok);
    let directory = bundle.as_ref().map_or(".", |bundle| &bundle.directory);
    let (at, by) = (now(), Author::of(Path::new(directory)));
    let about = About {
        playbook: desired.name.clone(),
        at,
        by: by.clone(),
        steps: plan.changes.len(),
    };
    let record = match (bundle, &desired.meaning) {
        (Some(bundle), Some(meaning)) if plan.records => {
            let generation = Generation {
                at,
                by,
                changes: Changes::of(plan),
                plan: plan.digest.clone(),
            };
            let texts = bundle.texts().filter(|kept| kept.size <= FETCHED);
            let texts = texts.map(|kept| format!("{}\n", kept.sha256)).collect();
            Some(Record {
                playbook: desired.name.clone(),
                keep: desired.keep,
                files: vec![
                    ("digest", format!("{}\n", meaning.digest)),
                    ("declared", declared(desired)),
                    ("generation.json", json(&generation)),
                    ("bundle.json", meaning.bundle.clone()),
                    ("texts", texts),
                ],
                // A run that fails has made it all the same, and has not taken away what is gone.
                begun: json(&plan.made),
                made: json(&made),
                originals: plan.originals.iter().map(|path| format!("{path}\n")).collect(),
                contents: meaning.contents.clone(),
            })
        }
        _ => None,
    };
    (json(&about), record)
}

/// What the playbook declares, a line of JSON for each resource.
fn declared(desired: &Desired) -> String {
    let line = |resource: &dyn crate::desired::Resource| {
        let declared = Declared {
            id: resource.id().clone(),
            remains: resource.remains(),
        };
        json(&declared) + "\n"
    };
    desired
        .entries
        .iter()
        .map(|entry| line(&*entry.resource))
        .collect()
}

/// Texts, numbers and lists have a form in JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
