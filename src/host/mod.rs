//! The hosts that scripts run on: reached over SSH, or booted here to rehearse on.

pub(crate) mod http;
pub mod provider;
pub mod rehearsal;
pub mod ssh;
pub mod target;
