//! What is true on a host. `script` turns questions into one probe, `decode` its answers into [`Facts`].

mod decode;
mod found;
mod questions;
mod script;

pub use decode::{DecodeError, decode};
pub use found::{Facts, PathFact, System, UnitFact, UserFact};
pub use questions::Questions;
pub(crate) use questions::is_everywhere;
pub use script::{IS_UNDOING, script};
