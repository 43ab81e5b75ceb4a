//! Desired state and facts → what would change, in order.

mod access;
mod daemons;
pub mod diff;
pub mod order;

pub use diff::{Plan, PlanError, plan};
