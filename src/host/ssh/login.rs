//! Who is logged in where.

use super::error::Named;
use super::root::Rooting;

/// Who is logged in where, for messages, and how they become root.
#[derive(Debug)]
pub(super) struct Login {
    pub host: Named,
    pub user: String,
    pub rooting: Rooting,
}

impl Login {
    pub fn is_root(&self) -> bool {
        self.user == "root"
    }
}
