//! A playbook's text, and what it may name.

use std::rc::Rc;

use super::scope::Scope;
use super::source::Source;
use crate::secret::Secrets;

/// What rendering knows of a playbook beside its declarations.
#[derive(Debug)]
pub struct Document {
    /// The playbook's name.
    pub name: String,
    /// The file's name as given.
    pub file: String,
    /// The file's text, for messages.
    pub text: String,
    /// Where the files that it names are.
    pub source: Source,
    /// Vars and secrets.
    pub scope: Rc<Scope>,
    /// What must never be shown.
    pub secrets: Secrets,
    /// The keys that lead to what was left out because it is wrong.
    pub left_out: Vec<Vec<String>>,
}
