//! The books: what may exist and cost money, for whoever is interrupted or fails.

use super::event::{Event, Priced, Remains};
use crate::host::provider::{Machine, NAMES, Provider};

/// What is known of one machine and its order.
#[derive(Debug, Default)]
pub struct Ledger {
    ordered: bool,
    machine: Option<Machine>,
    monthly: Option<f64>,
}

impl Ledger {
    /// Begins with a machine that was there.
    pub fn found(&mut self, priced: &Priced) {
        self.machine = Some(priced.machine.clone());
        self.monthly = priced.monthly;
    }

    /// Writes down what happens.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Offer(offer) => self.monthly = Some(offer.plan.monthly),
            Event::Ordered { .. } => self.ordered = true,
            Event::OrderRefused | Event::Gone => (self.ordered, self.machine) = (false, None),
            Event::Machine(machine) => self.machine = Some(machine.clone()),
            _ => {}
        }
    }

    /// What exists now; nothing if nothing does.
    pub fn remains(&self, label: &str, provider: &dyn Provider) -> Option<Remains> {
        if self.machine.is_none() && !self.ordered {
            return None;
        }
        Some(Remains {
            label: label.to_owned(),
            machine: self.machine.clone(),
            monthly: self.monthly,
            flags: match provider.name() == NAMES[0] {
                true => String::new(),
                false => format!(" --provider {}", provider.name()),
            },
        })
    }

    /// The machine and its price.
    pub fn priced(&self) -> Option<Priced> {
        let (machine, monthly) = (self.machine.clone()?, self.monthly);
        Some(Priced { machine, monthly })
    }
}
