//! What is true on a host. `script` turns questions into one probe, `decode` its answers into [`Facts`]; a
//! [`Described`] host answers without either.

mod decode;
mod described;
mod found;
mod generations;
mod questions;
mod script;

pub use decode::{DecodeError, decode, decode_first};
pub use described::{Described, Mount, Sort, Thing};
pub use found::{Facts, PathFact, System, UnitFact, UserFact};
pub use generations::{Declared, Latest, Remains, where_applied};
pub use questions::Questions;
pub(crate) use questions::is_everywhere;
pub use script::{script, script_beside};
