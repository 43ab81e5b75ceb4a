//! What operations tell while they go on: one stream, of which `report` makes words or JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::change::Change;
use crate::checks::answer::Outcome;
use crate::plan::Plan;
use crate::secret::Secrets;
use crate::transaction::event::Event as RunEvent;

/// Something that happens, or that was found. Times are in seconds unless they are called otherwise.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// The playbook has been read and proved.
    Playbook {
        /// Its name.
        name: &'a str,
        /// The file.
        file: &'a str,
        /// Remarks, each with its place.
        warnings: &'a [String],
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// The playbook is whole and right.
    Valid {
        /// The file.
        file: &'a str,
        /// The ids of its resources, in the order in which they are applied.
        resources: &'a [&'a str],
        /// How many checks it has.
        checks: usize,
    },
    /// A part of the work begins that may take its time.
    Doing {
        /// What, in one line.
        what: &'a str,
    },
    /// A throwaway host is there.
    Booted {
        /// Its name.
        host: &'a str,
        /// Its address.
        address: String,
    },
    /// Another run must end first.
    Waiting {
        /// On which host.
        host: &'a str,
        /// Its id.
        run: &'a str,
    },
    /// What would change.
    Plan(&'a Plan),
    /// What would change now, since the host is no longer as it was when the plan was made.
    Replanned(&'a Plan),
    /// What a rehearsal's second plan, over a new connection, would change.
    SecondPlan(&'a Plan),
    /// What is left to change when a run is over: something undoes it, or a command does not do what it should.
    Left(&'a Plan),
    /// The changes are being made.
    Applying {
        /// How many steps there are.
        steps: usize,
        /// They themselves, as the plan had them.
        #[serde(skip)]
        changes: &'a [Change],
    },
    /// The changes have been made, and a second plan found nothing left.
    Applied {
        /// How many.
        changes: usize,
        /// How long it took.
        seconds: f64,
    },
    /// A check has been asked.
    Check(&'a Outcome),
    /// All checks came right.
    Checked {
        /// How many.
        checks: usize,
        /// How long it took.
        seconds: f64,
    },
    /// The host that was rehearsed on stays.
    Kept {
        /// Its name.
        host: &'a str,
        /// The command that enters it.
        enter: &'a str,
    },
    /// The rehearsal went through.
    Rehearsed {
        /// The playbook's name.
        playbook: &'a str,
        /// Its parts, and how long each took.
        parts: &'a [Part],
    },
    /// The run tells how it goes.
    #[serde(untagged)]
    Run(&'a RunEvent),
}

/// A part of a rehearsal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Part {
    /// What.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
}

/// Who listens.
pub type Observe<'a> = dyn FnMut(&Event<'_>) + 'a;
