//! Whoever hands machines out: a cloud, or this machine with its throwaway hosts.
//!
//! Another cloud is a file with its [`Provider`] and a line in [`by_name`].

mod api;
mod choose;
mod error;
mod machine;
mod named;
mod offer;
mod place;
mod record;
mod rehearsal;
mod secrets;
mod user_data;
mod vultr;

pub use api::pause;
pub use choose::{Quote, nearest, quote};
pub use error::{ProviderError, Taken};
pub use machine::{Machine, OURS, State, Which};
pub use named::{NAMES, by_name};
pub use offer::{Answer, Image, Order, Plan, Provider, Region};
pub use place::Place;
pub use record::Record;
pub(crate) use secrets::folder;
pub use secrets::{HostKey, Password, own_key};
pub use user_data::user_data;
