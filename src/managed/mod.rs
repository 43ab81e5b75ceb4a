//! What kinds put in place: files, directories and trees, and what stands at their paths before.

pub(crate) mod announced;
pub(crate) mod edited;
pub(crate) mod file;
pub(crate) mod place;
pub(crate) mod plain;
pub(crate) mod standing;
pub(crate) mod tree;
