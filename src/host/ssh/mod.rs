//! A connection to a host over SSH, and commands run on it as root.

mod auth;
mod command;
mod config;
mod connection;
mod error;
mod exec;
mod first_line;
mod host_keys;
mod key_file;
mod keys;
mod known_hosts;
mod login;
mod options;
mod own;
mod refusal;

pub use command::Script;
pub use connection::Connection;
pub use error::{ChangedKey, SshError};
pub use exec::{Event, Exec, Output};
pub use options::Options;
pub use own::{NewKey, fingerprint, known_host, new_key, own_keys};
