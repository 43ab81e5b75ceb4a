//! Who has something done, and from what.

use std::path::Path;
use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person at a machine, with this program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Author {
    /// The user there.
    pub user: String,
    /// The machine.
    pub machine: String,
    /// The process.
    pub pid: u32,
    /// The version of hostwright.
    pub hostwright: String,
    /// The playbook's revision, where git keeps it.
    pub revision: Option<Revision>,
}

/// A commit of git's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// Its hash.
    pub commit: String,
    /// Whether the folder has changes that are in no commit.
    pub dirty: bool,
}

impl Author {
    /// Whoever runs this process, with what is in `directory`.
    pub fn of(directory: &Path) -> Self {
        let user = ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok());
        let user = user.unwrap_or_else(|| match rustix::process::getuid() {
            id if id.is_root() => "root".to_owned(),
            id => id.as_raw().to_string(),
        });
        Self {
            user,
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            hostwright: env!("CARGO_PKG_VERSION").to_owned(),
            revision: revision(directory),
        }
    }
}

/// None where there is no git, or nothing that it keeps.
fn revision(directory: &Path) -> Option<Revision> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(directory).stderr(Stdio::null());
        let output = git.stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    Some(Revision {
        commit: git(&["rev-parse", "HEAD"])?,
        dirty: !git(&["status", "--porcelain", "--", "."])?.is_empty(),
    })
}
