//! Binaries that a playbook installs: built here by cargo, of what stands here or of a revision, read from this machine,
//! or fetched.

pub(crate) mod archive;
mod cargo;
mod fetch;
mod git;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::task::{JoinError, spawn_blocking};

use super::event::Observe;
use crate::language::program::{Origin, Program};
use crate::language::tree::{self, Tree};
use crate::language::{Placed, Problem};
use crate::transaction::{Sent, cache};

/// Why a binary could not be had.
#[derive(Debug)]
pub enum Failed {
    /// What is wrong.
    Problem(Problem),
    /// A part of the program ended before its end.
    Unexpected(JoinError),
}

/// A binary, and what came with it.
#[derive(Debug)]
pub struct Had {
    /// The program.
    pub bytes: Vec<u8>,
    /// The revision that it was built from, git's full hash.
    pub revision: Option<String>,
    /// What else was wanted of its archive or revision, by the paths there.
    pub beside: BTreeMap<String, Tree>,
}

impl Had {
    fn alone(bytes: Vec<u8>) -> Self {
        let (revision, beside) = (None, BTreeMap::new());
        Self {
            bytes,
            revision,
            beside,
        }
    }
}

/// Has the binary `name`; its paths start from `directory`. What cargo and git say goes to stderr.
///
/// # Errors
/// Why it could not be had.
pub async fn get(
    name: &str,
    program: &Placed<Program>,
    directory: &Path,
    observe: &mut Observe<'_>,
) -> Result<Had, Failed> {
    let Program {
        origin,
        member,
        beside,
    } = program.value.clone();
    let fetched = match &origin {
        Origin::Url { url, sha256 } => {
            let kept = Sent::at(cache("fetched"));
            let fetched = fetch::get(name, (url, sha256), &kept, observe).await;
            Some(fetched.map_err(Failed::Problem)?)
        }
        _ => None,
    };
    let (name, directory): (_, PathBuf) = (name.to_owned(), directory.into());
    let rest = move || {
        let bytes = match origin {
            Origin::Url { .. } => fetched.unwrap_or_default(),
            Origin::File(path) => read(
                &directory.join(path),
                "`path` is relative to the playbook's directory",
            )?,
            Origin::Cargo(package) => {
                let built = cargo::build(&name, &package, &directory, None)?;
                return Ok(Had::alone(built));
            }
            Origin::Git { repo, rev, package } => {
                let checkout = git::check_out(&name, (&repo, &rev), &directory, cache("git"))?;
                return Ok(Had {
                    bytes: cargo::build(&name, &package, &checkout.tree, Some(&checkout.target))?,
                    beside: of_checkout(&checkout.tree, &beside)?,
                    revision: Some(checkout.revision),
                });
            }
        };
        match &member {
            None => Ok(Had::alone(bytes)),
            Some(member) => archive::open(&bytes, member, &beside),
        }
    };
    let done = spawn_blocking(rest).await.map_err(Failed::Unexpected)?;
    done.map_err(Failed::Problem)
}

fn read(path: &Path, help: &str) -> Result<Vec<u8>, Problem> {
    let cannot = |error| Problem::new(format!("{} cannot be read: {error}", path.display()), help);
    std::fs::read(path).map_err(cannot)
}

/// What of a checkout is wanted beside the program.
fn of_checkout(top: &Path, wanted: &[String]) -> Result<BTreeMap<String, Tree>, Problem> {
    let mut beside = BTreeMap::new();
    for path in wanted {
        let at = top.join(path);
        // A link of the repository may lead anywhere.
        let inside = at.canonicalize().ok().zip(top.canonicalize().ok());
        if !inside.is_some_and(|(at, top)| at.starts_with(top)) {
            return Err(Problem::new(
                format!("the revision has no `{path}`"),
                "with `git`, the paths of `assets` are relative to the repository's top",
            ));
        }
        let read = tree::read_asset(&at)?;
        // The repository's own records are none of it.
        let is_ours = |path: &String| path != ".git" && !path.starts_with(".git/");
        beside.insert(
            path.clone(),
            read.into_iter().filter(|(path, _)| is_ours(path)).collect(),
        );
    }
    Ok(beside)
}
