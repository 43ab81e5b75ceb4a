//! A playbook → desired state: all sections announced, then rendered, and all in order.

use super::bundle::Bundle;
use super::load::Loaded;
use crate::checks;
use crate::desired::{Desired, Meaning};
use crate::facts::Remains;
use crate::language::render::{Artifacts, Origin, Render};
use crate::language::{PlaybookError, PlaybookErrors};
use crate::plan::order;
use crate::resources::pruned;

/// How many generations of a playbook stay unless it says otherwise.
const KEEP: u32 = 20;

/// A playbook with nothing left to look up.
#[derive(Debug)]
pub struct Rendered {
    /// What a host should be.
    pub desired: Desired,
    /// Where the binaries come from that it installs, by the names of their entries.
    pub origins: Vec<(String, Origin)>,
}

/// Makes the desired state of a playbook. Without artifacts, binaries stand in as empty: good for
/// checking a playbook, not for a plan.
///
/// # Errors
/// All that is wrong and where, with what was wrong when it was loaded.
pub fn render(loaded: &Loaded, artifacts: Option<&Artifacts>) -> Result<Rendered, PlaybookErrors> {
    render_without(loaded, artifacts, &Remains::default())
}

/// The same, and what is `gone` from the playbook goes from the host.
///
/// # Errors
/// As [`render`].
pub fn render_without(
    loaded: &Loaded,
    artifacts: Option<&Artifacts>,
    gone: &Remains,
) -> Result<Rendered, PlaybookErrors> {
    let Loaded {
        playbook, document, ..
    } = loaded;
    let mut cx = Render::new(document, artifacts);
    let sections = playbook.sections();
    for (kind, (name, section)) in sections.iter().enumerate() {
        cx.enter(kind, name);
        section.announce(&mut cx);
    }
    pruned::announce(gone, &mut cx);
    checks::need(&playbook.checks, &mut cx);
    for (kind, (name, section)) in sections.iter().enumerate().rev() {
        cx.enter(kind, name);
        section.render(&mut cx);
    }
    let absent = sections.iter().position(|(name, _)| *name == "absent");
    pruned::render(gone, [0, absent.unwrap_or_default(), sections.len()], &mut cx);
    cx.enter(sections.len(), "checks");
    let (before, checks) = checks::render(&playbook.checks, &mut cx);
    let (entries, origins) = cx.finish(&loaded.errors)?;
    let keep = playbook.keep.as_ref().map_or(KEEP, |count| count.0);
    if keep == 0 {
        return Err(PlaybookError::plain(
            "`keep: 0` would keep no generation, not even the one that is applied",
            "keep 1 or more; with 2 there is a way back",
        )
        .into());
    }
    let entries = order::order(entries).map_err(|cycle| {
        PlaybookError::plain(cycle, "take one `after` or one reference out of the circle")
    })?;
    let whole = document.files.iter().zip(&document.parts);
    let unused = whole.filter(|(_, part)| !part.left_out).flat_map(|(file, part)| {
        let unused = part.vars.iter().filter(|(name, _)| !part.scope.is_used(name));
        unused.map(|(name, line)| format!("{}:{line}: the var `{name}` is used nowhere", file.name))
    });
    let warnings = loaded.warnings.iter().cloned().chain(unused).collect();
    let desired = Desired {
        name: document.name.clone(),
        entries,
        before,
        checks,
        secrets: document.secrets.clone(),
        warnings,
        keep,
        meaning: None,
    };
    let mut rendered = Rendered { desired, origins };
    let none = Artifacts::new();
    // Without its binaries and what is to be fetched a playbook means nothing yet.
    let is_whole = rendered.origins.is_empty() && document.source.wanted().is_empty();
    if let Some(artifacts) = artifacts.or_else(|| is_whole.then_some(&none)) {
        rendered.desired.meaning =
            Bundle::of(document, &loaded.given, artifacts).map(|(bundle, contents)| Meaning {
                digest: bundle.digest(),
                bundle: bundle.json(),
                contents,
            });
    }
    Ok(rendered)
}
