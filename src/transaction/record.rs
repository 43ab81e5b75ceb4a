//! What a run leaves behind when it went well: the generation that it made.

use crate::change::Content;

/// A generation that is to be recorded. The host gives it its number.
#[derive(Clone, Debug)]
pub struct Record {
    /// The playbook's name.
    pub playbook: String,
    /// How many generations of it stay.
    pub keep: u32,
    /// Its files: names and texts. `digest`, `declared` and `generation.json` are asked for by name.
    pub files: Vec<(&'static str, String)>,
    /// What the playbook has made on the host when the run begins to make it, as JSON.
    pub begun: String,
    /// The same when the run is over.
    pub made: String,
    /// What of others' is replaced or altered, a path a line: it is kept, to be put back.
    pub originals: String,
    /// What the host's store must have as long as the generation is kept.
    pub contents: Vec<Content>,
}

impl Record {
    /// The hashes of the contents, a line for each: the store is kept by them.
    pub fn reachable(&self) -> String {
        self.contents
            .iter()
            .map(|content| format!("{}\n", content.sha256))
            .collect()
    }
}
