//! What commands do, without arguments and without words: they return what they found, and emit events.

pub mod apply;
pub mod artifact;
pub mod event;
pub mod playbook;
pub mod rehearse;
pub mod session;
