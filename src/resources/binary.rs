//! Compiled programs, installed by release: `TO/releases/ID/NAME`, and `TO/current` → the live one.

pub(crate) mod elf;
mod release;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use self::elf::{Elf, Unfit};
use self::release::{Beside, Release};
use crate::change::{Content, Id, sha256};
use crate::language::program::{FileUrl, InnerPath, Origin, Package, Platform, Program, Sha256};
use crate::language::scalar::{AbsPath, Count, Line, LocalPath, Name, optional};
use crate::language::tree::Node;
use crate::language::{Declaration, Problem, Render};

/// A compiled program. One of `cargo`, `path`, `url` and `git` says where it comes from.
///
/// Whether it can start on the host is found out before anything travels: its machine, the glibc that it needs and its
/// loader are held against the host's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// A cargo package's directory, relative to the playbook: built here with `cargo build --release --locked`.
    /// With `git` it is relative to the repository's top, and that itself unless given.
    #[serde(default, deserialize_with = "optional")]
    pub cargo: Option<LocalPath>,
    /// A program that is already built, or an archive with it, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub path: Option<LocalPath>,
    /// Where the program, or an archive with it, is fetched from, once: it is kept below `~/.cache/hostwright/fetched`.
    /// `sha256` says which file is meant, so plain `http://` may bring it, too.
    #[serde(default, deserialize_with = "optional")]
    pub url: Option<FileUrl>,
    /// The SHA-256 of what `url` brings: of the archive, where it is one.
    #[serde(default, deserialize_with = "optional")]
    pub sha256: Option<Sha256>,
    /// The revision of a git repository that is built here, by cargo, in a checkout of its own.
    #[serde(default)]
    pub git: Option<Git>,
    /// Which file of the archive is the program, if `path` or `url` brings one (.tar, .tar.gz, .tar.xz, .zip):
    /// `tool-1.2/bin/tool`.
    #[serde(default, deserialize_with = "optional")]
    pub member: Option<InnerPath>,
    /// The cargo target's name; the entry's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub bin: Option<Name>,
    /// The platform that cargo builds for, a target of Rust's; this machine's unless given. Another machine's, and one
    /// that ends with a version of glibc, is built by cargo-zigbuild: `x86_64-unknown-linux-gnu.2.31`.
    #[serde(default, deserialize_with = "optional")]
    pub target: Option<Platform>,
    /// Files and directories that stand beside the program in its release, and come and go with it: each by its name
    /// there. The paths are relative to the playbook; with `git` and `member` they are those of the repository or the
    /// archive.
    #[serde(default)]
    pub assets: IndexMap<Name, LocalPath>,
    /// The directory on the host that holds `releases` and `current`.
    pub to: AbsPath,
    /// How many releases stay, the live one among them; 5 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub keep: Option<Count>,
}

/// A revision of a git repository.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The repository: a URL, or a path of this machine, relative to the playbook. What is not committed there does not
    /// count.
    pub repo: Line,
    /// The revision: a branch, a tag or a hash. Which it is in full, the plan and the generation say.
    pub rev: Line,
}

/// Where the releases of a binary stand, for whoever must run one of them whatever is current.
#[derive(Clone, Debug)]
pub(super) struct Releases {
    pub to: String,
    /// The one that shall be live.
    pub release: String,
    /// How many are kept.
    pub keep: u32,
}

impl Releases {
    /// `words` with this release in place of the current one, if they name that.
    ///
    /// # Errors
    /// When no other release would be kept beside it.
    pub fn pin(&self, words: &str) -> Result<Option<String>, Problem> {
        let current = format!("{}/current/", self.to);
        if !words.contains(&current) {
            return Ok(None);
        }
        if self.keep < 2 {
            return Err(Problem::new(
                format!(
                    "the binary in {} keeps one release, and two run for a while",
                    self.to
                ),
                "let it keep 2 or more: `keep: 2`",
            ));
        }
        let own = format!("{}/releases/{}/", self.to, self.release);
        Ok(Some(words.replace(&current, &own)))
    }
}

/// What names a release: the hash of the program, and of what stands beside it if there is something.
fn fingerprint(program: &Content, beside: &[Beside]) -> String {
    if beside.is_empty() {
        return program.sha256.clone();
    }
    let line = |Beside { path, node }: &Beside| match node {
        Node::Directory => format!("d {path}\n"),
        Node::File { content, executable } => format!("f {} {executable} {path}\n", content.sha256),
        Node::Link(target) => format!("l {target} {path}\n"),
    };
    let lines: String = beside.iter().map(line).collect();
    sha256(format!("{}\n{lines}", program.sha256).as_bytes())
}

/// Refuses what no host could run.
fn refuse_unfit(content: &Content, is_built: bool) -> Result<(), Problem> {
    let problem = match elf::unfit(&content.bytes) {
        None => return Ok(()),
        Some(Unfit::Archive) => Problem::new(
            "it is an archive, and no program",
            "say with `member` which file of it is the program",
        ),
        Some(Unfit::System(system)) if is_built => Problem::new(
            format!("cargo built a program for {system}, and hosts run Linux"),
            "say with `target` what it is for: `target: x86_64-unknown-linux-musl`, or `x86_64-unknown-linux-gnu.2.31` for a host's glibc; cargo-zigbuild builds both here",
        ),
        Some(Unfit::System(system)) => Problem::new(
            format!("it is a program for {system}, and hosts run Linux"),
            "take the one for Linux",
        ),
    };
    Err(problem)
}

impl Binary {
    fn keep(&self) -> u32 {
        self.keep.as_ref().map_or(5, |count| count.0)
    }

    /// Whether what stands beside it comes from where it comes from itself.
    fn brings(&self) -> bool {
        self.git.is_some() || self.member.is_some()
    }

    fn package(&self, name: &str, directory: &str) -> Package {
        Package {
            directory: directory.to_owned(),
            bin: self.bin.as_ref().map_or(name, |bin| &bin.0).to_owned(),
            target: self.target.clone(),
        }
    }

    fn origin(&self, name: &str, cx: &Render<'_>) -> Result<Origin, Problem> {
        let origin = match (&self.cargo, &self.path, &self.url, &self.git) {
            (Some(directory), None, None, None) => {
                let local = cx.local(&directory.0);
                if !cx.document.source.has_package(&local) {
                    let manifest = cx.document.source.path(&local).join("Cargo.toml");
                    return Err(Problem::new(
                        format!("{} is not there", manifest.display()),
                        "`cargo` names a package's directory, relative to the playbook",
                    ));
                }
                Origin::Cargo(self.package(name, &directory.0))
            }
            (None, Some(path), None, None) => Origin::File(path.0.clone()),
            (None, None, Some(url), None) => {
                let Some(sha256) = &self.sha256 else {
                    return Err(Problem::new(
                        "`url` without `sha256`: nothing says that what comes is what is meant",
                        "give the file's hash, as `sha256sum FILE` or its publisher says it",
                    ));
                };
                if cx.document.secrets.taint(url.0.as_bytes()) {
                    return Err(Problem::new(
                        "the URL holds a secret, and URLs are shown and logged",
                        "fetch the file by other means, and name it with `path`",
                    ));
                }
                Origin::Url {
                    url: url.0.clone(),
                    sha256: sha256.0.clone(),
                }
            }
            (cargo, None, None, Some(git)) => {
                if [&git.repo, &git.rev]
                    .iter()
                    .any(|said| cx.document.secrets.taint(said.0.as_bytes()))
                {
                    return Err(Problem::new(
                        "`git` holds a secret, which git would show in the list of processes and keep in its configuration",
                        "let git ask for it: a key of SSH's (`git@example.com:team/tool`), or `git config credential.helper`",
                    ));
                }
                let directory = cargo.as_ref().map_or(".", |directory| &directory.0);
                if directory.starts_with('/') || directory.split('/').any(|part| part == "..") {
                    return Err(Problem::new(
                        format!("`{directory}` leads out of the repository"),
                        "with `git`, `cargo` is relative to the repository's top",
                    ));
                }
                Origin::Git {
                    repo: git.repo.0.clone(),
                    rev: git.rev.0.clone(),
                    package: self.package(name, directory),
                }
            }
            _ => {
                return Err(Problem::new(
                    "a binary has one source",
                    "give one of `cargo`, `path`, `url` and `git` (with `git`, `cargo` may say which package)",
                ));
            }
        };
        self.check(&origin)?;
        Ok(origin)
    }

    /// Refuses what says nothing of such an origin.
    fn check(&self, origin: &Origin) -> Result<(), Problem> {
        let is_built = matches!(origin, Origin::Cargo(_) | Origin::Git { .. });
        let wrong = [
            (
                "member",
                self.member.is_some() && is_built,
                "cargo builds the program itself",
            ),
            (
                "sha256",
                self.sha256.is_some() && self.url.is_none(),
                "it is the hash of what `url` brings",
            ),
            (
                "target",
                self.target.is_some() && !is_built,
                "cargo does not build it",
            ),
            ("bin", self.bin.is_some() && !is_built, "cargo does not build it"),
        ];
        match wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            None => Ok(()),
            Some((field, _, why)) => Err(Problem::new(
                format!("`{field}` says nothing here: {why}"),
                "take it out",
            )),
        }
    }

    /// What stands beside the program: by its path in the release, each directory before what is in it.
    fn beside(&self, name: &str, cx: &Render<'_>) -> Result<Vec<Beside>, Problem> {
        let mut all = Vec::new();
        for (asset, path) in &self.assets {
            if asset.0 == *name {
                return Err(Problem::new(
                    format!("the asset `{asset}` has the program's own name"),
                    "give it another one",
                ));
            }
            let tree = match self.brings() {
                // It comes with the program, and nothing is there before.
                true => match cx.document.source.beside(name, &path.0) {
                    Some(tree) => tree,
                    None => continue,
                },
                false => cx.local_asset(&path.0)?,
            };
            if !tree.contains_key("") {
                let (path, node) = (asset.0.clone(), Node::Directory);
                all.push(Beside { path, node });
            }
            for (inner, node) in &*tree {
                if let Node::File { content, .. } = node
                    && cx.document.secrets.taint(&content.bytes)
                {
                    return Err(Problem::new(
                        format!("the asset `{asset}` holds a secret, and releases are there for all to read"),
                        "put it in place by `files`, with the owner and mode that it should have",
                    ));
                }
                let slash = if inner.is_empty() { "" } else { "/" };
                let (path, node) = (format!("{asset}{slash}{inner}"), node.clone());
                all.push(Beside { path, node });
            }
        }
        Ok(all)
    }
}

impl Declaration for Binary {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        // What is wrong with what stands beside it is told when it is rendered.
        let beside = self.beside(name, cx).unwrap_or_default();
        let release = fingerprint(&cx.built(name), &beside)[..12].to_owned();
        cx.announce(Releases {
            to: self.to.0.clone(),
            release,
            keep: self.keep(),
        });
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let origin = self.origin(name, cx)?;
        let keep = self.keep() as usize;
        if keep == 0 {
            return Err(Problem::new(
                "`keep: 0` would remove the live release",
                "keep 1 or more",
            ));
        }
        let beside = self.beside(name, cx)?;
        let wanted = self.assets.values().filter(|_| self.brings());
        let is_built = matches!(origin, Origin::Cargo(_) | Origin::Git { .. });
        let from = match &origin {
            Origin::Git { repo, rev, .. } => {
                let revision = cx.document.source.revision(name);
                revision.map(|revision| format!("built from {repo} at {revision} ({rev})"))
            }
            Origin::Url { url, .. } => Some(format!("from {url}")),
            _ => None,
        };
        let program = Program {
            origin,
            member: self.member.as_ref().map(|member| member.0.clone()),
            beside: wanted.map(|path| path.0.clone()).collect(),
        };
        let content = cx.artifact(name, program);
        refuse_unfit(&content, is_built)?;
        cx.push(Release {
            id: Id::new("binary", name),
            name: name.to_owned(),
            to: self.to.0.clone(),
            keep,
            fingerprint: fingerprint(&content, &beside),
            elf: Elf::read(&content.bytes),
            is_built,
            from,
            content,
            beside,
        });
        Ok(())
    }
}
