//! A connection to a host over SSH, and commands run on it as root.

mod algorithms;
mod alias;
mod answers;
mod auth;
mod client;
mod command;
mod config;
mod connection;
mod contact;
mod error;
mod exec;
mod first_line;
#[doc(hidden)]
pub mod fuzz;
mod glob;
mod host_keys;
mod key_file;
mod key_pair;
mod keys;
mod known_hosts;
mod login;
mod options;
mod own;
mod person;
mod refusal;
mod root;
mod sessions;
mod signers;
mod trust;
mod way;

pub use alias::{Alias, AliasError};
pub use client::ssh;
pub use command::Script;
pub use connection::Connection;
pub use error::{ChangedKey, Named, SshError};
pub use exec::{Event, Exec, Output};
pub use key_pair::KeyPair;
pub use options::{Memory, Options};
pub use own::{NewKey, fingerprint, known_host, new_key, own_keys};
pub use person::{Ask, Password, Person};
pub use trust::{Placed, TrustError, authorize, change_password};
pub use way::Reached;
