//! From a playbook's path to the desired state with its binaries.

use std::path::Path;

use tokio::task::{JoinError, spawn_blocking};

use super::artifact::{self, ArtifactError};
use super::event::{Event, Observe};
use super::fetch::{FetchError, fetch};
use crate::desired::Desired;
use crate::facts::Facts;
use crate::language::PlaybookErrors;
use crate::language::render::Artifacts;
use crate::playbook::load::{Loaded, Overrides, load};
use crate::playbook::render::{Rendered, render, render_without};

/// Why there is no desired state.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BuildError {
    /// A binary could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artifact(#[from] ArtifactError),
    /// What a URL names could not be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fetch(#[from] FetchError),
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
        file: &loaded.document.file().name,
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
            file: &self.loaded.document.file().name,
            resources: &ids.collect::<Vec<_>>(),
            checks: checks.len(),
        });
    }

    /// Tells the whole of it, as it was read in the end.
    pub fn print(&self, observe: &mut Observe<'_>) {
        observe(&Event::Expanded {
            text: &self.loaded.print(),
        });
    }

    /// Builds the playbook's binaries, fetches what it names by URLs, and renders its desired state with them.
    ///
    /// # Errors
    /// What could not be had, and why.
    pub async fn build(self) -> Result<Built, BuildError> {
        let Rendered { desired, origins } = self.rendered;
        let wanted = self.loaded.document.source.wanted();
        for url in &wanted {
            let content = fetch(url).await?;
            self.loaded.document.source.note(url, content);
        }
        if origins.is_empty() && wanted.is_empty() {
            return Ok(Built {
                loaded: self.loaded,
                artifacts: Artifacts::new(),
                desired,
            });
        }
        let directory = self.loaded.document.source.directory().to_path_buf();
        let artifacts = spawn_blocking(move || artifact::build(&directory, origins)).await??;
        Ok(Built::new(self.loaded, artifacts)?)
    }
}

/// A playbook with its binaries.
#[derive(Debug)]
pub struct Built {
    loaded: Loaded,
    artifacts: Artifacts,
    /// What a host should be.
    pub desired: Desired,
}

impl Built {
    /// Renders a playbook with its binaries.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(loaded: Loaded, artifacts: Artifacts) -> Result<Self, PlaybookErrors> {
        Ok(Self {
            desired: render(&loaded, Some(&artifacts))?.desired,
            loaded,
            artifacts,
        })
    }

    /// Lets go from the host what the playbook made there and does not declare any more; says whether there is
    /// something.
    ///
    /// # Errors
    /// None but those that rendering had before.
    pub fn prune(&mut self, facts: &Facts) -> Result<bool, PlaybookErrors> {
        let mut stays = self.desired.remains();
        for latest in facts.generations() {
            if latest.playbook != self.desired.name {
                latest
                    .declared
                    .into_iter()
                    .for_each(|declared| stays.extend(declared.remains));
            }
        }
        let gone = facts.made().without(&stays);
        if gone.is_empty() {
            return Ok(false);
        }
        self.desired = render_without(&self.loaded, Some(&self.artifacts), &gone)?.desired;
        Ok(true)
    }
}
