//! MCP around whatever is offered: the protocol's crate is generic in its service, its transport and its messages, and
//! what it becomes is compiled here, once, however often a tool changes. Nothing in here knows a tool.

mod fixtures;
mod handler;
mod served;

pub use served::{Later, Service, StdioError, stdio, versions};

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;
/// A tool's answer, in time; none when there is no such tool.
pub type Calling<'a> = Later<'a, Option<Called>>;

/// What is offered to models.
pub trait Offer: Debug + Send + Sync {
    /// What a model should know of all of it.
    fn instructions(&self) -> &str;
    /// The tools, in a fixed order. All of them only read.
    fn tools(&self) -> Vec<Tool>;
    /// Calls a tool.
    fn call<'a>(&'a self, name: &'a str, arguments: Object) -> Calling<'a>;
}

/// A tool, as it is listed.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The name that models call it by.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it is good for.
    pub description: &'static str,
    /// What it takes, as a schema.
    pub input: Arc<Object>,
    /// What it answers, as a schema; none for pictures.
    pub output: Option<Arc<Object>>,
}

/// What came of a call.
#[derive(Debug)]
pub enum Called {
    /// An answer, and what is said beside it.
    Answer(Value, Option<String>),
    /// A picture: its media type and its bytes.
    Picture(&'static str, Vec<u8>),
    /// Why there is none.
    Failed(String),
}
