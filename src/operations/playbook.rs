//! From a playbook's path to the desired state with its binaries.

use std::path::Path;

use tokio::task::{JoinError, spawn_blocking};

use super::artifact::{self, ArtifactError};
use super::event::{Event, Observe};
use crate::desired::Desired;
use crate::language::PlaybookErrors;
use crate::playbook::load::{Loaded, Overrides, load};
use crate::playbook::render::{Rendered, render};

/// Why there is no desired state.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BuildError {
    /// A binary could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artifact(#[from] ArtifactError),
    /// The playbook is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Playbook(#[from] PlaybookErrors),
    /// A part of the program ended before its end.
    #[error("a part of the program ended unexpectedly: {0}")]
    #[diagnostic(help("report this as a bug"))]
    Unexpected(#[from] JoinError),
}

/// A playbook that has been read and rendered without its binaries: nothing is built, no host contacted.
#[derive(Debug)]
pub struct Proved {
    loaded: Loaded,
    rendered: Rendered,
}

/// Reads a playbook and proves that it is whole and right.
///
/// # Errors
/// All that is wrong with it, with its places.
pub fn prove(
    path: &Path,
    overrides: &Overrides,
    observe: &mut Observe<'_>,
) -> Result<Proved, PlaybookErrors> {
    let loaded = load(path, overrides)?;
    let rendered = render(&loaded, None)?;
    let desired = &rendered.desired;
    observe(&Event::Playbook {
        name: &desired.name,
        file: &loaded.document.file,
        warnings: &desired.warnings,
        secrets: &desired.secrets,
    });
    Ok(Proved { loaded, rendered })
}

impl Proved {
    /// Tells what there is in it.
    pub fn tell(&self, observe: &mut Observe<'_>) {
        let Desired { entries, checks, .. } = &self.rendered.desired;
        let ids = entries.iter().map(|entry| entry.resource.id().as_str());
        observe(&Event::Valid {
            file: &self.loaded.document.file,
            resources: &ids.collect::<Vec<_>>(),
            checks: checks.len(),
        });
    }

    /// Builds the playbook's binaries and renders its desired state with them.
    ///
    /// # Errors
    /// Which binary could not be had, and why.
    pub async fn build(self) -> Result<Desired, BuildError> {
        let Rendered { desired, origins } = self.rendered;
        if origins.is_empty() {
            return Ok(desired);
        }
        let directory = self.loaded.document.source.directory().to_path_buf();
        let artifacts = spawn_blocking(move || artifact::build(&directory, origins)).await??;
        Ok(render(&self.loaded, Some(&artifacts))?.desired)
    }
}
