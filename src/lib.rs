//! Provision and run a server from a playbook: the playbook is rendered to a desired state, a host is
//! read into facts, their difference is a plan, and a plan is compiled to a transaction that the host
//! runs by itself. The modules stand on floors: each imports only from those below it.

#[doc(hidden)]
pub mod fuzz;

pub mod cli;

pub mod report;

pub mod operations;

pub mod playbook;

pub mod checks;

pub mod resources;

mod managed;

pub mod language;

pub mod plan;

pub mod transaction;

pub mod desired;

pub mod daemons;

pub mod facts;

pub mod host;

pub mod layout;

pub mod change;
pub mod edit;
pub mod path;
pub mod secret;
pub mod shell;
