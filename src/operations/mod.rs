//! What commands do, without arguments and without words: they return what they found, and emit events.

pub mod artifact;
pub mod session;
