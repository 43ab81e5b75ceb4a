//! What happens while a machine is had, and what is known of it then.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::host::provider::{Image, Machine, Plan, Region};

/// What somebody who waits for a machine may want to know. From [`Event::Ordered`] on there may be one that costs
/// money.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// There is no such machine yet; this would be ordered.
    Offer(Offer),
    /// There was no SSH key to log in with, so one was made.
    KeyMade {
        /// Its private half.
        file: PathBuf,
    },
    /// An order is on its way.
    Ordered {
        /// The tag that no other order has.
        tag: String,
    },
    /// The order was not taken: there is no machine.
    OrderRefused,
    /// It is not known whether the order was taken, or it was not taken this time.
    OrderUnclear {
        /// Why.
        cause: String,
    },
    /// The machine is there, as far as is known now.
    Machine(Machine),
    /// The machine is not there any more.
    Gone,
    /// What is waited for now.
    Awaits {
        /// A thing.
        what: String,
    },
    /// What has been waited for is there.
    Reached {
        /// A sentence.
        what: String,
        /// How long it took.
        seconds: f64,
    },
    /// Something odd that stops nothing.
    Odd {
        /// A sentence.
        what: String,
    },
}

/// Who listens while a machine is had.
pub type Observe<'a> = dyn FnMut(&Event) + 'a;

/// What would be ordered, and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Offer {
    /// What the machine will be called.
    pub label: String,
    /// Of whom, for a person.
    pub provider: String,
    /// The sort of machine, with its price.
    pub plan: Plan,
    /// Where it will stand.
    pub region: Region,
    /// What it begins with.
    pub image: Image,
}

/// A machine and its price.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Priced {
    /// The machine.
    #[serde(flatten)]
    pub machine: Machine,
    /// US dollars a month, where its plan is known.
    pub monthly: Option<f64>,
}

impl Priced {
    /// Finds the price of a machine among its provider's plans.
    pub fn new(machine: Machine, plans: &[Plan]) -> Self {
        let plan = plans.iter().find(|plan| plan.id == machine.plan);
        Self {
            monthly: plan.map(|plan| plan.monthly),
            machine,
        }
    }
}

/// A machine, with what this machine knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Known {
    /// The machine and its price.
    #[serde(flatten)]
    pub priced: Priced,
    /// The SHA-256 fingerprint of the host key that it was given.
    pub fingerprint: Option<String>,
    /// The file that holds root's first password, which is good for its console.
    pub password: Option<PathBuf>,
}

/// A machine that runs as a playbook says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Up {
    /// The machine.
    #[serde(flatten)]
    pub known: Known,
    /// Where a browser finds what it serves.
    pub url: Option<String>,
    /// The command that enters it.
    pub enter: String,
}

/// What may exist when a command did not reach its end.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Remains {
    /// What the machine is called.
    pub label: String,
    /// The machine; none if it is not known what became of its order.
    pub machine: Option<Machine>,
    /// US dollars a month.
    pub monthly: Option<f64>,
    /// What the commands that deal with it need beside its label.
    pub flags: String,
}
