//! Provision and run a server from a playbook: the playbook is rendered to a desired state, a host is
//! read into facts, their difference is a plan, and a plan is compiled to a transaction that the host
//! runs by itself. The modules stand in the order in which data flows.

pub mod cli;

pub mod playbook;

pub mod resources;

pub mod artifact;

pub mod desired;

pub mod facts;

pub mod plan;

pub mod transaction;

pub mod checks;

pub mod session;

pub mod report;

pub mod host;

pub mod daemons;

pub mod change;
pub mod secret;
pub mod shell;
