//! The language in which playbooks declare things, below the kinds that it can name.

pub mod document;
pub mod error;
pub mod expanded;
pub mod node;
pub mod ordered;
pub mod parse;
pub mod placed;
pub mod problem;
pub mod program;
pub(crate) mod public_key;
mod recover;
pub mod render;
pub mod scalar;
pub(crate) mod schedule;
pub mod scope;
pub mod source;
pub mod template;
pub mod tree;
pub mod unfold;
pub mod unit;
mod watch;

pub use error::{PlaybookError, PlaybookErrors};
pub use ordered::Ordered;
pub use placed::{AtPath, Named, Placed};
pub use problem::Problem;
pub use render::{Declaration, Render, Section};
