//! What operations tell while they go on: one stream, of which `report` makes words or JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::backups::{Archive, Difference, Done, Listed};
use super::doctor::{Diagnosis, Finding};
use super::generation::{About, Generation, History};
use super::provision::{Event as MachineEvent, Known, Priced, Remains, Up};
use super::running::verb::Verb;
use super::status::Status;
use super::upgrades::answer::Upgrades;
use crate::change::{Change, Detail};
use crate::checks::answer::Outcome;
use crate::host::provider::{Image, Plan as Sort, Region};
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
    /// A playbook as it is read in the end: others included, entries repeated and left out, variables put in.
    Expanded {
        /// Its text, YAML.
        text: &'a str,
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
        /// What it says of itself.
        doing: Option<&'a About>,
    },
    /// What would change.
    Plan(&'a Plan),
    /// What an upgrade of all packages would change beside that.
    Upgrades(&'a Upgrades),
    /// What would change now, since the host is no longer as it was when the plan was made.
    Replanned(&'a Plan),
    /// What a rehearsal's second plan, over a new connection, would change.
    SecondPlan(&'a Plan),
    /// What someone changed on the host since the playbook's newest generation was applied.
    Drift {
        /// What would undo it.
        #[serde(flatten)]
        plan: &'a Plan,
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// What the host remembers.
    History {
        /// The host.
        host: &'a str,
        /// The generations and runs.
        #[serde(flatten)]
        history: &'a History,
    },
    /// What a run said.
    Journal {
        /// The run's id.
        run: &'a str,
        /// The lines.
        text: &'a str,
    },
    /// A generation, and the playbook as it was applied.
    Generation {
        /// The playbook's name.
        playbook: &'a str,
        /// The generation's number.
        number: u32,
        /// Who made it of what.
        #[serde(flatten)]
        generation: &'a Generation,
        /// Values that vars were given in place of their own.
        vars: &'a [(String, Option<String>)],
        /// The playbook's text.
        text: &'a str,
    },
    /// How two generations differ.
    Difference {
        /// The playbook's name.
        playbook: &'a str,
        /// The number of the one.
        from: u32,
        /// The number of the other.
        to: u32,
        /// What differs.
        details: &'a [Detail],
    },
    /// A generation is to be applied again.
    Back {
        /// The playbook's name.
        playbook: &'a str,
        /// The generation's number.
        number: u32,
        /// Who made it of what.
        #[serde(flatten)]
        generation: &'a Generation,
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// How a host fares.
    Status(&'a Status),
    /// Backups are told to do something.
    BackingUp {
        /// Which, each as `NAME of PLAYBOOK`.
        backups: &'a [String],
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// What is wrong with a host.
    Diagnosis {
        /// The findings.
        #[serde(flatten)]
        diagnosis: &'a Diagnosis,
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// What backups a host has, and their archives.
    Backups {
        /// The host.
        host: &'a str,
        /// They.
        backups: &'a [Listed],
    },
    /// A backup has made an archive, or has not.
    BackedUp(&'a Done),
    /// An archive was read to its end, or cannot be.
    BackupVerified(&'a Done),
    /// An archive was restored on a rehearsal host and the playbook's checks came right there, or did not.
    BackupDrilled(&'a Done),
    /// What restoring an archive would do.
    RestorePlan {
        /// On which host.
        host: &'a str,
        /// The archive.
        archive: &'a Archive,
        /// What would change.
        differences: &'a [Difference],
    },
    /// An archive was restored, or could not be.
    Restored(&'a Done),
    /// A finding's command was run on the host.
    Mended {
        /// The finding.
        finding: &'a Finding,
        /// The command's exit status.
        status: i32,
        /// What it said.
        said: &'a str,
    },
    /// Logs are read.
    Logs {
        /// What each of them is called.
        sources: &'a [String],
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// A program or unit was told to restart, stop or start.
    Told {
        /// Its name.
        name: &'a str,
        /// What it was told.
        verb: Verb,
        /// Whether it did so, and has come up and stays up if it was to run.
        well: bool,
        /// What state it is in, in the words of what runs it.
        state: &'a str,
        /// Where it did not, what it and its logs say.
        lines: &'a [&'a str],
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// Something was logged.
    Logged {
        /// What the log is called.
        source: &'a str,
        /// The line, without its end.
        line: &'a str,
        /// When, in seconds since 1970: as the line says, or as the one before it does that says so. Where a log says no
        /// times, when it was last written.
        at: f64,
    },
    /// The connection was lost, and is made again.
    Reconnecting {
        /// To which host.
        host: &'a str,
    },
    /// The checks of a playbook's newest generation are asked.
    Verifying {
        /// The playbook's name.
        playbook: &'a str,
        /// The generation's number.
        number: u32,
        /// How many checks it has.
        checks: usize,
        /// What must not be shown.
        #[serde(skip)]
        secrets: &'a Secrets,
    },
    /// The checks of a playbook's newest generation were not asked.
    Unchecked {
        /// The playbook's name.
        playbook: &'a str,
        /// Why it cannot be rendered here and now.
        why: &'a str,
    },
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
    /// What must be so before anything is changed has been asked.
    Before(&'a Outcome),
    /// The changes have been made, and a second plan found nothing left.
    Applied {
        /// How many.
        changes: usize,
        /// The playbook's newest generation on the host.
        generation: Option<u32>,
        /// The command that goes back to the one before.
        back: Option<&'a str>,
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
    /// What sorts of machines a provider has.
    Plans {
        /// They, with their prices.
        plans: &'a [Sort],
    },
    /// Where a provider's machines can stand.
    Regions {
        /// The places.
        regions: &'a [Region],
    },
    /// What a provider's machines can begin with.
    Images {
        /// The images.
        images: &'a [Image],
    },
    /// What machines there are.
    Machines {
        /// They, with their prices.
        machines: &'a [Priced],
    },
    /// What is known of a machine.
    Shown(&'a Known),
    /// A machine has been removed, and all that was on it.
    Destroyed(&'a Priced),
    /// A machine runs as the playbook says.
    Up(&'a Up),
    /// What may exist, and cost money, although the command did not reach its end.
    Remains(&'a Remains),
    /// A provider is asked for a machine.
    #[serde(untagged)]
    Machine(&'a MachineEvent),
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
