//! The sh in which a host's apt is spoken to.

/// What runs apt in a step.
pub(super) const INSTALL: &str = include_str!("install.sh");

/// What asks apt what it would do: `reading VERB…`.
pub(crate) const READING: &str = include_str!("reading.sh");
