//! Plans, progress and errors, for people.

pub mod error;
pub mod plan;
pub mod progress;
