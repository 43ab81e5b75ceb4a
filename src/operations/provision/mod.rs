//! From a label to a machine that can be used: it is found or ordered, awaited, and proved by the host key that it
//! was given before it was there.

mod error;
mod event;
mod find;
mod ledger;
mod order;
mod up;
mod usable;

pub use error::ProvisionError;
pub use event::{Event, Known, Observe, Offer, Priced, Remains, Up};
pub use find::{access, find, known, named, refuse_another};
pub use ledger::Ledger;
pub use order::order;
pub use up::up;
pub use usable::usable;
