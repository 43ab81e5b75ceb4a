//! Where a setting stands that `ssh -G` shows without its place.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::{matches, words};
use super::setting::Setting;
use crate::host::ssh::glob::glob;
use crate::host::ssh::options::{Options, home, user_file};

/// Includes may include (readconf.c allows 16 levels).
const DEPTH: usize = 16;

/// A line that sets it, as `file:line`: of those that hold for a host if there are any. A `Match` block may hold.
pub(super) fn find(setting: &Setting, host: &str, options: &Options) -> Option<String> {
    let mut found = Search {
        setting,
        host,
        sure: None,
        perhaps: None,
    };
    found.read(&user_file(options), &home().join(".ssh"), 0);
    if options.config.is_none() {
        found.read(Path::new("/etc/ssh/ssh_config"), Path::new("/etc/ssh"), 0);
    }
    found.sure.or(found.perhaps)
}

struct Search<'a> {
    setting: &'a Setting,
    host: &'a str,
    sure: Option<String>,
    perhaps: Option<String>,
}

impl Search<'_> {
    fn read(&mut self, file: &Path, base: &Path, depth: usize) {
        let Ok(text) = fs::read_to_string(file) else {
            return;
        };
        let mut holds = true;
        for (index, line) in text.lines().enumerate() {
            let Some(mut words) = words(line).filter(|words| !words.is_empty()) else {
                continue;
            };
            let key = words.remove(0).to_ascii_lowercase();
            match key.as_str() {
                "host" => holds = matches(&words, self.host),
                "match" => holds = words.iter().any(|word| word.eq_ignore_ascii_case("all")),
                "include" if depth < DEPTH => {
                    for included in words.iter().flat_map(|word| files(word, base)) {
                        self.read(&included, base, depth + 1);
                    }
                }
                _ if key == self.setting.key => {
                    let place = Some(format!("{}:{}", file.display(), index + 1));
                    match holds {
                        true if self.sure.is_none() => self.sure = place,
                        false if self.perhaps.is_none() => self.perhaps = place,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// The files that an `Include` names, in order; globs stand in the last part of a path.
fn files(word: &str, base: &Path) -> Vec<PathBuf> {
    let path = match word.strip_prefix("~/") {
        Some(below) => home().join(below),
        None => base.join(word),
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_named = |path: &PathBuf| {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        file.is_some_and(|file| {
            glob(name.as_bytes(), file.as_bytes()) && (!file.starts_with('.') || name.starts_with('.'))
        })
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_named).collect();
    files.sort();
    files
}
