//! What the host's sh does with what is remembered of applies.

use crate::layout::{self, SAY};

const LIBRARY: &str = include_str!("remembered.sh");

/// Its functions, and those that they need.
pub(super) fn library() -> String {
    format!("{}{SAY}{LIBRARY}", layout::variables())
}
