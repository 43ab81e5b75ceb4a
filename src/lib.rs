//! Provision and run a server from a playbook.

pub mod host;
