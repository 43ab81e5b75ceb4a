//! A release on a host: the program and what stands beside it in a folder of their own, which a link makes live.

use super::elf::{self, Elf};
use crate::change::{Action, Change, Content, Detail, Id, Verb, counted};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::tree::Node;
use crate::managed::standing;

/// What the host says of its libc: `glibc 2.36`.
const LIBC: &str = "binaries.libc";
const ASK_LIBC: &str = "getconf GNU_LIBC_VERSION";

/// Something that stands beside the program.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// Its path in the release.
    pub path: String,
    pub node: Node,
}

impl Beside {
    fn mode(&self) -> &'static str {
        match self.node {
            Node::File {
                executable: false, ..
            } => "0644",
            _ => "0755",
        }
    }

    /// What puts it at `path`; `like` is what stands there of the live release.
    fn put(&self, path: String, like: String) -> Action {
        let (mode, owner) = (self.mode().into(), "root:root".into());
        match &self.node {
            Node::Directory => Action::Directory { path, mode, owner },
            Node::Link(target) => Action::Link {
                path,
                target: target.clone(),
            },
            Node::File { content, .. } => Action::Write {
                path,
                content: content.clone(),
                mode,
                owner,
                validate: None,
                like: Some(like),
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Release {
    pub id: Id,
    pub name: String,
    pub to: String,
    pub keep: usize,
    /// What names it, a SHA-256 in hex.
    pub fingerprint: String,
    pub content: Content,
    /// What the program needs, where its bytes are here and say it.
    pub elf: Option<Elf>,
    /// Whether cargo builds it.
    pub is_built: bool,
    /// Where it comes from, for a person.
    pub from: Option<String>,
    pub beside: Vec<Beside>,
}

impl Release {
    fn release(&self) -> &str {
        &self.fingerprint[..12]
    }

    fn folder(&self) -> String {
        format!("{}/{}", self.releases(), self.release())
    }

    fn file(&self) -> String {
        format!("{}/{}", self.folder(), self.name)
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

    /// Refuses a program that could not start on this host.
    fn refuse(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let Some(elf) = &self.elf else { return Ok(()) };
        let refused = |cause: String, built: String, given: &str| {
            let mend = if self.is_built { built } else { given.to_owned() };
            let id = self.id.clone();
            Err(Refusal { id, cause, mend })
        };
        let host = &cx.facts.system.machine;
        let libc = |version: &str| match version {
            "" => format!("`target: {host}-unknown-linux-musl`"),
            version => format!(
                "`target: {host}-unknown-linux-gnu.{version}` (cargo-zigbuild builds that), or statically: `target: {host}-unknown-linux-musl`"
            ),
        };
        if let Some(machine) = elf.machine.filter(|_| !elf.runs_on(host)) {
            return refused(
                format!("it is built for {machine}, and the host is {host}"),
                format!("build it for the host's machine: {}", libc("")),
                "take one that is built for the host's machine",
            );
        }
        let said = cx.facts.output(LIBC);
        let has = said.strip_prefix("glibc ").map(str::trim);
        if let (Some(needs), Some(has)) = (elf.glibc, has)
            && elf::version(has).is_some_and(|has| needs > has)
        {
            let (major, minor) = needs;
            return refused(
                format!(
                    "{} needs glibc {major}.{minor}, and the host has {has}: it would not start",
                    self.name
                ),
                format!("build it for the host's: {}", libc(has)),
                "take one that is built for an older glibc, or a static one (musl)",
            );
        }
        // A package of the playbook may bring it.
        let musl = Ref::Package("musl".into());
        let brings = |loader: &str| {
            let comes = || {
                cx.entries
                    .iter()
                    .any(|entry| entry.resource.provides().contains(&musl))
            };
            cx.provides(loader).is_some() || (loader.contains("/ld-musl-") && comes())
        };
        let lacks = |loader: &&String| cx.facts.path(loader).is_none() && !brings(loader);
        // A host that says nothing of its libc has not been asked.
        match elf.loader.as_ref().filter(|_| has.is_some()).filter(lacks) {
            None => Ok(()),
            Some(loader) => refused(
                format!(
                    "{} is started by {loader}, and the host has no such file: it would not start",
                    self.name
                ),
                format!("build it for what the host has: {}", libc("")),
                "take one that is built for glibc (…-linux-gnu), or a static one",
            ),
        }
    }

    /// Whether what stands beside the program is as it should be.
    fn is_there(&self, beside: &Beside, cx: &Context<'_>) -> bool {
        let path = format!("{}/{}", self.folder(), beside.path);
        let Some(fact) = cx.facts.path(&path) else {
            return false;
        };
        let right = fact.mode == beside.mode() && fact.owner == "root:root";
        match &beside.node {
            Node::Directory => fact.kind == 'd' && right,
            Node::Link(target) => fact.kind == 'l' && fact.target == *target,
            Node::File { content, .. } => {
                fact.kind == 'f' && right && cx.facts.has_content(&path, &content.sha256)
            }
        }
    }

    /// Adds what puts the release in place; says whether there is anything to do.
    fn install(&self, cx: &Context<'_>, change: &mut Change) -> Result<bool, Refusal> {
        let (file, release) = (self.file(), self.release());
        let there = cx
            .facts
            .path(&file)
            .is_some_and(|fact| fact.mode == "0755" && fact.owner == "root:root")
            && cx.facts.has_content(&file, &self.content.sha256);
        let lacks: Vec<&Beside> = self
            .beside
            .iter()
            .filter(|beside| !self.is_there(beside, cx))
            .collect();
        if there && lacks.is_empty() {
            return Ok(false);
        }
        standing::replaceable(cx, &self.id, &file)?;
        let is_new = cx.facts.path(&file).is_none();
        if !is_new {
            change.verb = Verb::Update;
            change.summary = format!("repair release {release}: it is not as it was installed");
        }
        let mut note = |text: String| change.details.push(Detail::Note(text));
        if !there {
            let size = counted(self.content.size as usize, "byte");
            note(format!("{file} 0755 root:root, {size}"));
            self.from.iter().for_each(|from| note(from.clone()));
        }
        if is_new && !lacks.is_empty() {
            let files = lacks.iter().filter_map(|beside| match &beside.node {
                Node::File { content, .. } => Some(content.size),
                _ => None,
            });
            let (count, size) = files.fold((0, 0), |(count, size), file| (count + 1, size + file));
            let (count, size) = (counted(count, "file"), counted(size as usize, "byte"));
            note(format!("{count} beside it, {size}"));
        } else {
            lacks
                .iter()
                .for_each(|beside| note(format!("{}/{}", self.folder(), beside.path)));
        }
        for beside in lacks {
            let path = format!("{}/{}", self.folder(), beside.path);
            // What was put in its place goes first.
            let is_directory = matches!(beside.node, Node::Directory);
            let other = cx.facts.path(&path);
            if other.is_some_and(|fact| (fact.kind == 'd') != is_directory) {
                let path = path.clone();
                change.actions.push(Action::Remove { path, secret: false });
            }
            let like = format!("{}/{}", self.current(), beside.path);
            change.actions.push(beside.put(path, like));
        }
        if !there {
            change.actions.push(Action::Write {
                path: file,
                content: self.content.clone(),
                mode: "0755".into(),
                owner: "root:root".into(),
                validate: None,
                like: Some(format!("{}/{}", self.current(), self.name)),
            });
        }
        Ok(true)
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
        Some(self.fingerprint.clone())
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
        for beside in &self.beside {
            let path = format!("{}/{}", self.folder(), beside.path);
            match &beside.node {
                Node::File { content, .. } => questions.content(&path, &content.sha256, false),
                Node::Directory | Node::Link(_) => questions.place(&path),
            }
        }
        if let Some(elf) = &self.elf {
            questions.script(LIBC, ASK_LIBC);
            elf.loader.iter().for_each(|loader| questions.path(loader));
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        self.refuse(cx)?;
        let release = self.release();
        let target = format!("releases/{release}");
        let mut change = Change::new(&self.id, Verb::Create, format!("install release {release}"));
        if !self.install(cx, &mut change)? {
            change.summary = format!("go to release {release}, which is there");
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
