//! What reads bytes that come from elsewhere, as functions that take any. The fuzz targets (`fuzz/`) and the test of the
//! same name (`tests/fuzz.rs`) call them: whatever they are given, none may panic.

use std::collections::BTreeMap;

use crate::checks::on_host;
use crate::desired::Desired;
use crate::facts::{Facts, Questions, System, decode};
pub use crate::host::ssh::fuzz::{known_hosts, ssh_config};
use crate::language::source::Read;
use crate::operations::artifact;
use crate::operations::generation::{About, Generation};
use crate::operations::playbook::Built;
use crate::operations::saved::Saved;
use crate::operations::status;
use crate::plan::{Plan, PlanError, plan};
use crate::playbook::bundle::Bundle;
use crate::playbook::load::reload;
use crate::report::text::error;
use crate::report::text::plan as shown;
use crate::resources::binary::elf::{self as program, Elf};
use crate::transaction::journal::Journal;
use crate::transaction::offer;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// The functions, by the names of their fuzz targets.
pub const TARGETS: [(&str, Target); 10] = [
    ("answers", answers),
    ("archive", archive),
    ("bundle", bundle),
    ("elf", elf),
    ("journal", journal),
    ("known_hosts", known_hosts),
    ("playbook", playbook),
    ("probe", probe),
    ("saved", saved),
    ("ssh_config", ssh_config),
];

/// A playbook in which every kind asks its questions.
const EVERYTHING: &str = include_str!("fuzz/everything.yml");

/// What is wanted of the host that answers, and what it was asked.
struct Wanted {
    desired: Desired,
    questions: Questions,
}

thread_local! {
    static WANTED: Option<Wanted> = wanted(EVERYTHING);
}

/// A bundle of a playbook that was applied from a folder which is nowhere.
fn of(text: &str) -> Bundle {
    Bundle {
        name: String::new(),
        file: "playbook.yml".into(),
        directory: "/nonexistent".into(),
        text: text.into(),
        included: BTreeMap::new(),
        vars: Vec::new(),
        files: BTreeMap::new(),
        shipped: BTreeMap::new(),
        trees: Vec::new(),
        artifacts: BTreeMap::new(),
        revisions: BTreeMap::new(),
    }
}

fn wanted(text: &str) -> Option<Wanted> {
    let bundle = of(text);
    let loaded = reload(&bundle, Read::default(), false, None).ok()?;
    let desired = Built::new(loaded, bundle.artifacts()).ok()?.desired;
    Some(Wanted {
        questions: desired.questions(),
        desired,
    })
}

/// The frames that a text without lengths means: a line `%% KIND NAME` heads each. What changes bytes at random seldom
/// meets a length.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frames: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match (line.strip_prefix(b"%% "), frames.last_mut()) {
            (Some(head), _) => frames.push((head, Vec::new())),
            (None, Some((_, body))) => {
                if !body.is_empty() {
                    body.push(b'\n');
                }
                body.extend(line);
            }
            (None, None) => {}
        }
    }
    let mut text = Vec::new();
    for (head, body) in frames {
        let head = String::from_utf8_lossy(head);
        let (kind, name) = head.split_once(' ').unwrap_or((&head, ""));
        text.extend(format!("@{kind} {} {name}\n", body.len()).bytes());
        text.extend(body);
        text.push(b'\n');
    }
    text
}

/// A host's answer to the probe, and the plan that follows from it.
pub fn probe(bytes: &[u8]) {
    answer_to_probe(bytes);
    answer_to_probe(&framed(bytes));
}

fn answer_to_probe(bytes: &[u8]) {
    WANTED.with(|wanted| {
        let Some(Wanted { desired, questions }) = wanted else {
            return;
        };
        if let Ok(facts) = decode(questions, bytes) {
            let _ = facts.made().without(&desired.remains());
            if let Ok(plan) = plan(desired, &facts) {
                let _ = shown::text(&plan, &desired.secrets, true);
            }
        }
    });
}

/// What a host answers to other questions: how it fares, what its store holds, how checks ended.
pub fn answers(bytes: &[u8]) {
    let _ = offer::decode(bytes);
    other_answer(bytes);
    other_answer(&framed(bytes));
}

fn other_answer(bytes: &[u8]) {
    let _ = status::ask::read(bytes, "host");
    WANTED.with(|wanted| {
        let checks = wanted.iter().flat_map(|wanted| &wanted.desired.checks);
        let _ = on_host::judge(&checks.collect::<Vec<_>>(), bytes);
    });
}

/// An archive with a program, and files beside it.
pub fn archive(bytes: &[u8]) {
    let _ = artifact::archive::open(
        bytes,
        "tool/bin/tool",
        &["tool/share".into(), "tool/README".into()],
    );
}

/// A program: what it needs, and whether it is one.
pub fn elf(bytes: &[u8]) {
    let _ = (Elf::read(bytes), program::unfit(bytes));
}

/// A run's journal, in one piece and in small ones.
pub fn journal(bytes: &[u8]) {
    let _ = Journal::new("token").feed(bytes);
    let mut journal = Journal::new("token");
    for (index, piece) in bytes.chunks(7).enumerate() {
        if index == 9 {
            journal.resume();
        }
        let _ = journal.feed(piece);
    }
}

/// A generation and its bundle as a host gives them back, and what follows from them.
pub fn bundle(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Generation>(bytes);
    let _ = serde_json::from_slice::<About>(bytes);
    if let Ok(bundle) = serde_json::from_slice::<Bundle>(bytes) {
        let (_, _) = (bundle.digest(), bundle.texts().count());
        build(&bundle);
    }
}

fn build(bundle: &Bundle) {
    let built = reload(bundle, bundle.read(&BTreeMap::new()), false, None)
        .and_then(|loaded| Built::new(loaded, bundle.artifacts()));
    if let Err(errors) = built {
        let _ = error::text(&errors, true);
    }
}

/// A playbook's text.
pub fn playbook(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        build(&of(text));
    }
}

/// A saved plan, held against one that is made now.
pub fn saved(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(Some(saved)) = Saved::parse("saved".as_ref(), text) {
        let _ = saved.playbook();
        WANTED.with(|wanted| {
            if let Some(Wanted { desired, .. }) = wanted
                && let Ok(plan) = for_a_bare_host(desired)
            {
                let _ = saved.agrees(desired, &plan);
            }
        });
    }
}

fn for_a_bare_host(desired: &Desired) -> Result<Plan, PlanError> {
    let mut facts = Facts::default();
    facts.system = System {
        uid: "0".into(),
        machine: "x86_64".into(),
        ssh_connection: "203.0.113.7 50000 203.0.113.9 22".into(),
        ..System::default()
    };
    plan(desired, &facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_of_the_host_can_be_read_and_planned() {
        let wanted = wanted(EVERYTHING).expect("it renders");
        for_a_bare_host(&wanted.desired).expect("a plan");
    }

    #[test]
    fn a_program_that_is_long_in_starting_is_waited_for() {
        let text = "name: x\nsupervisor: { x: { command: /bin/x, startsecs: 4294967295 } }\n";
        let wanted = wanted(text).expect("it renders");
        for_a_bare_host(&wanted.desired).expect("a plan");
    }
}
