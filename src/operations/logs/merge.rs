//! The order of lines that several logs hold.

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Which log.
    pub source: usize,
    /// When it was written, in seconds since 1970.
    pub at: f64,
    /// What it says.
    pub text: String,
}

/// The lines in the order in which they were written. What was written in one moment stays in the order in which it came;
/// so the lines of a log do, whose moments rise.
pub(super) fn merged(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|one, other| one.at.total_cmp(&other.at));
    lines
}
