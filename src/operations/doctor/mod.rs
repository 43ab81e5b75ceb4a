//! What is wrong with a host, and why: asked in one round trip, without a playbook. What was seen there and from here is
//! read by one file a family of causes, which knows nothing of how it was asked.

use schemars::JsonSchema;
use serde::Serialize;

pub mod ask;
mod certificates;
mod exchanges;
mod failed;
mod finding;
mod machine;
mod mcp;
mod packages;
mod programs;
mod routines;
mod seen;
mod sites;
mod slow;
mod units;
mod way;
mod words;

pub use finding::{Finding, Gravity};

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// The host, as it was reached.
    pub host: String,
    /// What is wrong with it, the gravest first.
    pub findings: Vec<Finding>,
}

/// What all families make of what was seen.
fn findings(seen: &seen::Seen) -> Vec<Finding> {
    let families: [fn(&seen::Seen) -> Vec<Finding>; 10] = [
        units::find,
        programs::find,
        sites::find,
        slow::find,
        certificates::find,
        mcp::find,
        exchanges::find,
        machine::find,
        packages::find,
        routines::find,
    ];
    let mut findings: Vec<Finding> = families.iter().flat_map(|find| find(seen)).collect();
    findings.sort_by_key(|finding| finding.gravity);
    findings
}

#[cfg(test)]
mod doctor_tests;
