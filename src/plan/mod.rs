//! Desired state and facts → what would change, in order.

mod access;
mod accounts;
mod conflicts;
mod daemons;
pub mod diff;
pub mod order;
mod ports;
mod shared;

pub use diff::{Plan, PlanError, Remark, plan};
