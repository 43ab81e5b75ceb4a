//! A plan's changes → one program that the host runs by itself, journaled, under its lock.

pub mod compile;
mod delta;
pub mod event;
pub mod journal;
pub(crate) mod offer;
#[cfg(test)]
mod program_tests;
pub mod record;
pub mod run;
mod sent;
pub mod stage;

pub(crate) use sent::{Sent, cache};
