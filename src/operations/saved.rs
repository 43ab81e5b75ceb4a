//! A plan in a file: what was read is what runs, or nothing does.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::desired::Desired;
use crate::plan::Plan;
use crate::playbook::load::Overrides;

/// The version of the file.
const VERSION: u32 = 1;

/// A plan that was saved. No secret stands in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The version of the file; its name marks it as one.
    hostwright_plan: u32,
    /// The version of hostwright that made it.
    hostwright: String,
    /// The playbook.
    playbook: PathBuf,
    /// Values that the host's own declaration gave.
    #[serde(default)]
    host: Vec<(String, Option<String>)>,
    /// Values that vars were given.
    set: Vec<(String, String)>,
    /// A file of such values.
    vars: Option<PathBuf>,
    /// A hash of what the playbook meant.
    meaning: String,
    /// The plan, as `--json` writes it.
    pub plan: Value,
}

/// Why a saved plan is not applied.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SavedError {
    /// The file.
    #[error("{} cannot be {verb}: {cause}", path.display())]
    #[diagnostic(help("name a file that `plan --out` wrote, or that it may write"))]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why not.
        cause: String,
    },
    /// Another program made it.
    #[error("the plan was made by hostwright {theirs}, and this is {}", env!("CARGO_PKG_VERSION"))]
    #[diagnostic(help("make it again with this one"))]
    Program {
        /// The version that made it.
        theirs: String,
    },
    /// The playbook means something else now.
    #[error("{} is not what it was when the plan was made", playbook.display())]
    #[diagnostic(help(
        "its text, a file that it reads, a binary or a value is another one: make the plan again"
    ))]
    Playbook {
        /// The playbook.
        playbook: PathBuf,
    },
    /// It is for another host.
    #[error("the plan was made for {theirs}, and this is {ours}")]
    #[diagnostic(help("apply it to that host, or make one for this host"))]
    Host {
        /// The host it was made for.
        theirs: String,
        /// The host that it was to be applied to.
        ours: String,
    },
    /// The host is another one than it was.
    #[error("{host} is not as it was when the plan was made: {}", what.join("; "))]
    #[diagnostic(help("nothing was changed; make the plan again"))]
    Moved {
        /// The host.
        host: String,
        /// What would be done otherwise.
        what: Vec<String>,
    },
}

impl Saved {
    /// The plan at `path`; none if the file is something else, a playbook say.
    ///
    /// # Errors
    /// When it is a plan that cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, SavedError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(_) => Ok(None),
        }
    }

    /// The plan that a text is, which stands at `path`; none if it is something else.
    ///
    /// # Errors
    /// When it is a plan that cannot be read.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Option<Self>, SavedError> {
        if !text.starts_with("{\"hostwright_plan\"") {
            return Ok(None);
        }
        let saved: Self = serde_json::from_str(text).map_err(|error| SavedError::File {
            path: path.to_path_buf(),
            verb: "read",
            cause: error.to_string(),
        })?;
        let ours = env!("CARGO_PKG_VERSION");
        if saved.hostwright != ours || saved.hostwright_plan != VERSION {
            let theirs = saved.hostwright;
            return Err(SavedError::Program { theirs });
        }
        Ok(Some(saved))
    }

    /// Writes a plan of the playbook at `playbook`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        path: &Path,
        playbook: &Path,
        overrides: &Overrides,
        desired: &Desired,
        plan: &Plan,
    ) -> Result<(), SavedError> {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        // Texts, numbers and lists have a form in JSON.
        let mut shown = serde_json::to_value(plan).unwrap_or_default();
        desired.secrets.redact_json(&mut shown);
        let saved = Self {
            hostwright_plan: VERSION,
            hostwright: env!("CARGO_PKG_VERSION").to_owned(),
            playbook: whole(playbook),
            host: overrides.host.clone(),
            set: overrides.set.clone(),
            vars: overrides.vars.as_deref().map(whole),
            meaning: meaning(desired),
            plan: shown,
        };
        let text = serde_json::to_string(&saved).unwrap_or_default();
        let folder = path
            .parent()
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|cause: std::io::Error| SavedError::File {
            path: path.to_path_buf(),
            verb: "written",
            cause: cause.to_string(),
        })
    }

    /// The playbook that it is of, and the values that its vars were given.
    pub fn playbook(&self) -> (PathBuf, Overrides) {
        let overrides = Overrides {
            host: self.host.clone(),
            set: self.set.clone(),
            vars: self.vars.clone(),
            ..Overrides::default()
        };
        (self.playbook.clone(), overrides)
    }

    /// Whether `plan`, made now, is this one.
    ///
    /// # Errors
    /// In what it differs.
    pub fn agrees(&self, desired: &Desired, plan: &Plan) -> Result<(), SavedError> {
        let text = |field: &str| self.plan[field].as_str().unwrap_or_default();
        if meaning(desired) != self.meaning {
            let playbook = self.playbook.clone();
            return Err(SavedError::Playbook { playbook });
        }
        if text("host") != plan.host {
            return Err(SavedError::Host {
                theirs: text("host").to_owned(),
                ours: plan.host.clone(),
            });
        }
        if text("digest") == plan.digest {
            return Ok(());
        }
        Err(SavedError::Moved {
            host: plan.host.clone(),
            what: self.moved(desired, plan),
        })
    }

    /// What would be done now and not then, or the other way round.
    fn moved(&self, desired: &Desired, plan: &Plan) -> Vec<String> {
        let mut now = serde_json::to_value(&plan.changes).unwrap_or_default();
        desired.secrets.redact_json(&mut now);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (then, now) = (list(&self.plan["changes"]), list(&now));
        let id = |change: &Value| change["id"].as_str().unwrap_or_default().to_owned();
        let mut what = Vec::new();
        for change in then.iter().filter(|change| !now.contains(change)) {
            match now.iter().any(|other| other["id"] == change["id"]) {
                true => what.push(format!("{} would be changed otherwise", id(change))),
                false => what.push(format!("{} needs no change any more", id(change))),
            }
        }
        let new = now
            .iter()
            .filter(|change| !then.iter().any(|other| other["id"] == change["id"]));
        what.extend(new.map(|change| format!("{} has to be changed, too", id(change))));
        if what.is_empty() {
            what.push("the same changes would be made in another way".into());
        }
        what
    }
}

fn meaning(desired: &Desired) -> String {
    desired
        .meaning
        .as_ref()
        .map_or(String::new(), |meaning| meaning.digest.clone())
}
