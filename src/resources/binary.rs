//! Compiled programs, installed by release: `TO/releases/ID/NAME`, and `TO/current` → the live one.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Content, Detail, Id, Verb, counted};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::render::Origin;
use crate::language::scalar::{AbsPath, Count, LocalPath, Name, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::standing;

/// A compiled program. Exactly one of `cargo` and `path` says where it comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// A cargo package's directory, relative to the playbook: built here with `cargo build --release --locked`.
    #[serde(default, deserialize_with = "optional")]
    pub cargo: Option<LocalPath>,
    /// A program that is already built, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub path: Option<LocalPath>,
    /// The cargo target's name; the entry's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub bin: Option<Name>,
    /// The directory on the host that holds `releases` and `current`.
    pub to: AbsPath,
    /// How many releases stay, the live one among them; 5 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub keep: Option<Count>,
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

impl Declaration for Binary {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        let release = cx.built(name).sha256[..12].to_owned();
        cx.announce(Releases {
            to: self.to.0.clone(),
            release,
            keep: self.keep.as_ref().map_or(5, |count| count.0),
        });
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let origin = match (&self.cargo, &self.path) {
            (Some(directory), None) => {
                let local = cx.local(&directory.0);
                if !cx.document.source.has_package(&local) {
                    let manifest = cx.document.source.path(&local).join("Cargo.toml");
                    return Err(Problem::new(
                        format!("{} is not there", manifest.display()),
                        "`cargo` names a package's directory, relative to the playbook",
                    ));
                }
                Origin::Cargo {
                    directory: directory.0.clone(),
                    bin: self.bin.as_ref().map_or(name, |bin| &bin.0).to_owned(),
                }
            }
            (None, Some(path)) => Origin::File(path.0.clone()),
            _ => {
                return Err(Problem::new(
                    "a binary has one source",
                    "give either `cargo` or `path`",
                ));
            }
        };
        let keep = self.keep.as_ref().map_or(5, |count| count.0) as usize;
        if keep == 0 {
            return Err(Problem::new(
                "`keep: 0` would remove the live release",
                "keep 1 or more",
            ));
        }
        let content = cx.artifact(name, origin);
        cx.push(Release {
            id: Id::new("binary", name),
            name: name.to_owned(),
            to: self.to.0.clone(),
            keep,
            content,
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Release {
    id: Id,
    name: String,
    to: String,
    keep: usize,
    content: Content,
}

impl Release {
    fn release(&self) -> &str {
        &self.content.sha256[..12]
    }

    fn file(&self) -> String {
        format!("{}/releases/{}/{}", self.to, self.release(), self.name)
    }

    fn current(&self) -> String {
        format!("{}/current", self.to)
    }

    fn releases(&self) -> String {
        format!("{}/releases", self.to)
    }

    /// Releases beyond those that are kept, the oldest last.
    fn surplus<'f>(&self, cx: &'f Context<'_>) -> Vec<&'f String> {
        let others = cx.facts.listing(&self.releases());
        let live = cx
            .facts
            .path(&self.current())
            .map(|fact| fact.target.clone())
            .unwrap_or_default();
        // The one that has been live until now stays whatever its age: it is the way back.
        let is_live = |name: &String| live == format!("releases/{name}");
        let running: Vec<String> = cx
            .entries
            .iter()
            .flat_map(|entry| entry.resource.runs_from(cx.facts))
            .collect();
        let runs = |name: &String| {
            let own = format!("{}/{name}/", self.releases());
            running.iter().any(|program| program.starts_with(&own))
        };
        let mut others: Vec<&String> = others.iter().filter(|name| *name != self.release()).collect();
        others.sort_by_key(|name| !is_live(name));
        let mut surplus = others.split_off(others.len().min(self.keep - 1));
        surplus.retain(|name| !runs(name));
        surplus
    }
}

impl Resource for Release {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.current()), Ref::Path(self.releases())]
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Path(self.to.clone())]
    }

    fn version(&self) -> Option<String> {
        Some(self.content.sha256.clone())
    }

    fn remains(&self) -> Remains {
        Remains {
            paths: [self.current()].into(),
            directories: [self.to.clone()].into(),
            folders: [self.releases()].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.path(&self.to);
        questions.path(&self.releases());
        questions.content(&self.file(), &self.content.sha256, false);
        questions.place(&self.current());
        questions.listing(&self.releases());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        if let Some(machine) = built_for(&self.content.bytes)
            && machine != cx.facts.system.machine
        {
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!(
                    "it is built for {machine}, and the host is {}",
                    cx.facts.system.machine
                ),
                mend: "build it for the host's machine, and name the result with `path`".into(),
            });
        }
        let (file, release) = (self.file(), self.release());
        let target = format!("releases/{release}");
        let mut change = Change::new(&self.id, Verb::Create, format!("install release {release}"));
        let there = cx
            .facts
            .path(&file)
            .is_some_and(|fact| fact.mode == "0755" && fact.owner == "root:root")
            && cx.facts.has_content(&file, &self.content.sha256);
        if there {
            change.summary = format!("go to release {release}, which is there");
        } else {
            standing::replaceable(cx, &self.id, &file)?;
            if cx.facts.path(&file).is_some() {
                change.verb = Verb::Update;
                change.summary = format!("repair release {release}: it is not as it was installed");
            }
            let size = counted(self.content.size as usize, "byte");
            change = change
                .note(format!("{file} 0755 root:root, {size}"))
                .action(Action::Write {
                    path: file,
                    content: self.content.clone(),
                    mode: "0755".into(),
                    owner: "root:root".into(),
                    validate: None,
                    like: Some(format!("{}/{}", self.current(), self.name)),
                });
        }
        let current = cx.facts.path(&self.current());
        if !current.is_some_and(|fact| fact.kind == 'l' && fact.target == target) {
            standing::replaceable(cx, &self.id, &self.current())?;
            if let Some(fact) = current {
                if fact.kind != 'l' {
                    return Err(Refusal {
                        id: self.id.clone(),
                        cause: format!(
                            "{} is {}, and a link to the release shall stand there",
                            self.current(),
                            standing::what(fact)
                        ),
                        mend: "move it away first".into(),
                    });
                }
                change.verb = Verb::Update;
                change = change.detail(Detail::Field {
                    name: "current",
                    from: fact.target.clone(),
                    to: target.clone(),
                });
            }
            change = change.action(Action::Link {
                path: self.current(),
                target,
            });
        }
        let surplus = self.surplus(cx);
        if change.actions.is_empty() && !surplus.is_empty() {
            change = Change::new(&self.id, Verb::Remove, "remove old releases");
        }
        for old in surplus {
            change = change
                .note(format!("removes release {old}, {} are kept", self.keep))
                .action(Action::Delete {
                    path: format!("{}/{old}", self.releases()),
                });
        }
        Ok(if change.actions.is_empty() {
            Vec::new()
        } else {
            vec![change]
        })
    }
}

/// The machine an ELF program is for, as `uname -m` says it (ELF-64 header, `e_machine`).
fn built_for(bytes: &[u8]) -> Option<&'static str> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    match (bytes.get(18)?, bytes.get(19)?) {
        (0x3e, 0) => Some("x86_64"),
        (0xb7, 0) => Some("aarch64"),
        (0xf3, 0) => Some("riscv64"),
        _ => None,
    }
}
