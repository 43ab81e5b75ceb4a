//! Large contents that this machine has sent, kept so that what takes their place can travel as a
//! difference: `$XDG_CACHE_HOME/hostwright/sent/SHA256`, by default under `~/.cache`. It may be deleted at
//! any time; the next program then travels whole.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::change::{Content, sha256};

/// How many contents are kept, the newest.
const KEPT: usize = 16;

/// The folder `name` in hostwright's cache of whoever runs this program; none without a home.
pub fn cache(name: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("hostwright").join(name))
}

/// The folder of contents.
#[derive(Clone, Debug)]
pub struct Sent(Option<PathBuf>);

impl Sent {
    /// What whoever runs this program has sent; without a home nothing is kept.
    pub fn of_this_user() -> Self {
        Self::at(cache("sent"))
    }

    /// What is kept in this folder; nothing where there is none.
    pub fn at(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The bytes with this SHA-256, if they are here and whole.
    pub fn get(&self, hash: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.0.as_ref()?.join(hash)).ok()?;
        (sha256(&bytes) == hash).then_some(bytes)
    }

    /// Keeps a content, and no more than the newest [`KEPT`].
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn keep(&self, content: &Content) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        // What was sent to a server is for its owner's eyes.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut file, &content.bytes)?;
        file.persist(folder.join(&content.sha256))?;
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort_by(|a, b| b.cmp(a));
        for (_, path) in files.iter().skip(KEPT) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_only_whole_ones_are_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let sent = Sent(Some(folder.path().join("a/b")));
        let contents: Vec<Content> = (0..KEPT + 2)
            .map(|number| Content::new(number.to_string().as_bytes(), false))
            .collect();
        for (age, content) in contents.iter().enumerate() {
            sent.keep(content).expect("kept");
            let file = fs::File::options()
                .write(true)
                .open(folder.path().join("a/b").join(&content.sha256));
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            file.and_then(|file| file.set_modified(time)).expect("dated");
        }
        sent.keep(&contents[KEPT + 1]).expect("kept");
        assert_eq!(sent.get(&contents[0].sha256), None);
        assert_eq!(
            sent.get(&contents[KEPT].sha256).as_deref(),
            Some(&*contents[KEPT].bytes)
        );
        fs::write(folder.path().join("a/b").join(&contents[KEPT].sha256), "torn").expect("written");
        assert_eq!(sent.get(&contents[KEPT].sha256), None);
    }
}
