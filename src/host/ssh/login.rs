//! Who is logged in where.

/// Who is logged in where, for messages.
#[derive(Debug)]
pub(super) struct Login {
    pub host: String,
    pub user: String,
}

impl Login {
    pub fn is_root(&self) -> bool {
        self.user == "root"
    }
}
