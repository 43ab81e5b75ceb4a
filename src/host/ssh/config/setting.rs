//! What the configuration says, whoever has read it.

/// One setting that holds for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// In lower case.
    pub key: String,
    pub words: Vec<String>,
    /// `file:line`, where that is known.
    pub place: Option<String>,
    /// Somebody wrote it, and it is not what `ssh` does by itself.
    pub made: bool,
}
