//! How a file comes that is fetched: on a terminal one live line.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::progress::{mark, megabytes};

/// The live line.
#[derive(Debug)]
pub struct Fetching(Option<ProgressBar>);

impl Fetching {
    /// The line, if a person looks on.
    pub fn new(seen: bool) -> Self {
        Self(seen.then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    /// Takes how much of `name` has come.
    pub fn observe(&self, name: &str, received: u64, total: Option<u64>) {
        if let Some(bar) = &self.0 {
            let total = total.map_or(String::new(), |total| format!(" of {}", megabytes(total)));
            bar.set_message(format!("Fetching {name}: {}{total}", megabytes(received)));
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// The line of a file that has come.
pub fn done(name: &str, url: &str, size: u64, seconds: f64) -> String {
    format!(
        "{} Fetched {name} from {url}, {}, {seconds:.1} s",
        mark(true),
        megabytes(size)
    )
}
