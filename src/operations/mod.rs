//! What commands do, without arguments and without words: they return what they found, and emit events.

pub mod apply;
pub mod artifact;
pub mod author;
pub mod backups;
mod before;
pub mod checking;
pub mod doctor;
mod download;
pub mod event;
mod exposure;
mod fetch;
pub mod generation;
pub mod history;
pub mod interrupts;
pub mod logs;
pub mod playbook;
pub mod provision;
pub mod rehearse;
mod remembered;
pub mod running;
pub mod saved;
pub mod session;
pub mod status;
pub mod upgrades;
