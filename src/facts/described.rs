//! A host that is described instead of probed: what its probe would answer is made from the description. Kinds are
//! tested with such hosts (`tests/resources/`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::found::{Facts, PathFact, System, UnitFact, UserFact};
use super::questions::Questions;
use super::script::SHOWN;
use crate::change::sha256;
use crate::path::{parent, resolve};

/// A host. What is not described is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Described {
    /// The host as a whole.
    pub system: System,
    /// What stands where.
    pub paths: BTreeMap<String, Thing>,
    /// Where something is mounted, and whether it can be written to.
    pub mounts: BTreeMap<String, Mount>,
    /// Installed packages and their versions; a package that another provides has that one's.
    pub packages: BTreeMap<String, String>,
    /// What dpkg was interrupted in.
    pub unfinished: Option<Vec<String>>,
    /// Users by name.
    pub users: BTreeMap<String, UserFact>,
    /// Groups and who is in them.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Their numbers.
    pub gids: BTreeMap<String, u32>,
    /// systemd's units.
    pub units: BTreeMap<String, UnitFact>,
    /// What the host remembers to have been loaded.
    pub loaded: BTreeMap<String, String>,
    /// What script questions print, by their names, without the newline at the end.
    pub scripts: BTreeMap<String, String>,
}

/// What stands at a path: a file where it has contents, a link where it leads somewhere, else what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thing {
    /// What a file holds.
    pub content: Option<String>,
    /// Where a link points.
    pub to: Option<String>,
    /// What it is else.
    pub is: Sort,
    /// Permission bits, four octal digits: those that root's things mostly have unless given.
    pub mode: Option<String>,
    /// Owner and group by name; `root:root` unless given.
    pub owner: Option<String>,
    /// How many other names it has (hard links).
    pub other_names: u32,
    /// `i` (immutable) or `a` (append-only) where chattr(1) set it.
    pub fixed: Option<char>,
    /// Whether it has an access list beside its mode.
    pub acl: bool,
    /// How long ago it was changed, in any unit: the directory's listing begins with the youngest.
    pub age: u32,
}

/// What stands at a path and is neither a file nor a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// A directory.
    #[default]
    Directory,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A block device.
    Device,
}

/// How something is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mount {
    /// To be read and written.
    Rw,
    /// To be read only.
    Ro,
}

impl Thing {
    /// The letter of find's `%y`, and the usual mode.
    fn kind(&self) -> (char, &'static str) {
        match (&self.content, &self.to, self.is) {
            (Some(_), ..) => ('f', "0644"),
            (None, Some(_), _) => ('l', "0777"),
            (None, None, Sort::Directory) => ('d', "0755"),
            (None, None, Sort::Pipe) => ('p', "0644"),
            (None, None, Sort::Socket) => ('s', "0755"),
            (None, None, Sort::Device) => ('b', "0660"),
        }
    }

    fn fact(&self) -> PathFact {
        let (kind, mode) = self.kind();
        PathFact {
            kind,
            mode: self.mode.as_deref().unwrap_or(mode).to_owned(),
            owner: self.owner.as_deref().unwrap_or("root:root").to_owned(),
            names: self.other_names + 1,
            target: self.to.clone().unwrap_or_default(),
            behind: None,
            fixed: self.fixed,
            acl: self.acl,
        }
    }
}

impl Described {
    /// What the probe of these questions would find: what is not asked for is not known.
    pub fn answer(&self, questions: &Questions) -> Facts {
        let mut facts = Facts {
            system: self.system.clone(),
            loaded: self.loaded.clone().into_iter().collect(),
            unfinished: self.unfinished.clone().filter(|_| !questions.packages.is_empty()),
            packages: of(&self.packages, &questions.packages),
            users: of(&self.users, &questions.users),
            groups: of(&self.groups, &questions.groups),
            gids: of(&self.gids, &questions.groups),
            scripts: of(&self.scripts, questions.scripts.keys()),
            ..Facts::default()
        };
        // A number that is asked for stands for whoever has it.
        let asked = |number: u32, of: &std::collections::BTreeSet<String>| of.contains(&number.to_string());
        for (name, user) in &self.users {
            if asked(user.uid, &questions.users) {
                facts.users.insert(name.clone(), user.clone());
            }
        }
        for (name, gid) in &self.gids {
            if asked(*gid, &questions.groups) {
                facts.gids.insert(name.clone(), *gid);
            }
        }
        for name in &questions.units {
            let unit = self.units.get(name).cloned().unwrap_or_else(UnitFact::unknown);
            facts.units.insert(name.clone(), unit);
        }
        for path in &questions.paths {
            if let Some(thing) = self.paths.get(path) {
                let behind = self.end(path).filter(|_| thing.to.is_some());
                let behind = behind.map(|end| Box::new(end.fact()));
                let fact = PathFact {
                    behind,
                    ..thing.fact()
                };
                facts.paths.insert(path.clone(), fact);
                self.mounts_of(path, &mut facts);
            }
        }
        for question @ (path, sum) in questions.contents.keys() {
            let Some(content) = self.end(path).and_then(|end| end.content.as_ref()) else {
                continue;
            };
            if sha256(content.as_bytes()) == *sum {
                facts.matches.insert(question.clone());
            } else if questions.shows(question) && content.len() as u64 <= SHOWN {
                let bytes = content.clone().into_bytes();
                facts.contents.insert(path.clone(), bytes);
            }
        }
        for path in &questions.listings {
            facts.listings.insert(path.clone(), self.listing(path));
        }
        for (path, not_into) in &questions.trees {
            facts.trees.insert(path.clone(), self.tree(path, not_into));
        }
        facts
    }

    /// What stands where the link at `path` leads in the end, or at `path` itself.
    fn end(&self, path: &str) -> Option<&Thing> {
        let mut path = path.to_owned();
        // As many links as the kernel follows (path_resolution(7)).
        for _ in 0..40 {
            let thing = self.paths.get(&path)?;
            match &thing.to {
                Some(target) => path = resolve(&path, target),
                None => return Some(thing),
            }
        }
        None
    }

    fn mounts_of(&self, path: &str, facts: &mut Facts) {
        let mut tell = |how: &str, at: &str| {
            facts
                .mounts
                .insert((how.to_owned(), path.to_owned()), at.to_owned());
        };
        if self.mounts.contains_key(path) {
            tell("at", path);
        }
        let above = std::iter::successors(Some(path), |path| parent(path));
        let mut mounts = above.filter_map(|above| Some((above, self.mounts.get(above)?)));
        if let Some((at, Mount::Ro)) = mounts.next() {
            tell("ro", at);
        }
        if let Some(at) = self.mounts.keys().find(|at| below(path, at).is_some()) {
            tell("below", at);
        }
    }

    fn listing(&self, path: &str) -> Vec<String> {
        let inside = self.paths.iter().filter_map(|(at, thing)| {
            let name = below(path, at)?;
            (!name.contains('/')).then(|| (thing.age, name.to_owned()))
        });
        let mut inside: Vec<(u32, String)> = inside.collect();
        inside.sort();
        inside.into_iter().map(|(_, name)| name).collect()
    }

    fn tree(&self, path: &str, not_into: &[String]) -> Vec<(char, String)> {
        let is_inside = |name: &str| {
            let above = name.match_indices('/').map(|(at, _)| &name[..at]);
            let mut names = above.filter_map(|above| above.rsplit('/').next());
            names.any(|above| not_into.iter().any(|name| name == above))
        };
        let inside = self.paths.iter().filter_map(|(at, thing)| {
            let name = below(path, at)?;
            (!is_inside(name)).then(|| (thing.kind().0, name.to_owned()))
        });
        inside.collect()
    }
}

/// The path below `folder`, if `path` is there.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    rest.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// What is described of what is asked for.
fn of<'a, T: Clone, M: FromIterator<(String, T)>>(
    described: &BTreeMap<String, T>,
    asked: impl IntoIterator<Item = &'a String>,
) -> M {
    let known = asked
        .into_iter()
        .filter_map(|name| Some((name.clone(), described.get(name)?.clone())));
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{decode, script};

    /// The same folder, probed and described.
    #[test]
    fn a_described_host_answers_as_a_real_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().display().to_string();
        let at = |name: &str| format!("{root}/{name}");
        let make = format!(
            "cd {root} && umask 022 && mkdir -p site/cache site/a && echo old >site/a/b && echo in >site/cache/c &&
            touch -d '1 hour ago' site/a && ln site/a/b hard && ln -s site/a link && ln -s nowhere lost &&
            ln -s site/a/b text && chmod 0640 site/a/b"
        );
        let made = std::process::Command::new("sh").args(["-c", &make]).status();
        assert!(made.expect("sh runs").success());

        let mut questions = Questions::default();
        for name in ["site", "link", "lost", "hard", "none"] {
            questions.path(&at(name));
        }
        questions.content(&at("site/a/b"), &sha256(b"new\n"), true);
        questions.content(&at("text"), &sha256(b"old\n"), true);
        questions.content(&at("hard"), &sha256(b"new\n"), true);
        questions.content(&at("hard"), &sha256(b"secret\n"), false);
        questions.content(&at("link"), &sha256(b"secret\n"), false);
        questions.content(&at("text"), &sha256(b"old\n"), false);
        questions.content(&at("site/a/b"), &sha256(b"old\n"), false);
        questions.listing(&at("site"));
        questions.tree(&at("site"), &["cache".into()]);
        questions.unit("hostwright-none.service");
        questions.script("said", "printf 'a\\nb\\n'");
        let mut sh = std::process::Command::new("sh");
        let output = sh.env("LC_ALL", "C").arg("-c").arg(script(&questions)).output();
        let mut probed = decode(&questions, &output.expect("sh runs").stdout).expect("decodes");

        let owner = probed.path(&at("site")).map(|fact| fact.owner.clone());
        let thing = |content: Option<&str>, to: Option<&str>| Thing {
            content: content.map(str::to_owned),
            to: to.map(str::to_owned),
            owner: owner.clone(),
            ..Thing::default()
        };
        let directory = |age| Thing {
            age,
            ..thing(None, None)
        };
        let file = Thing {
            mode: Some("0640".into()),
            other_names: 1,
            ..thing(Some("old\n"), None)
        };
        let described = Described {
            paths: BTreeMap::from([
                (at("site"), directory(0)),
                (at("site/a"), directory(1)),
                (at("site/cache"), directory(0)),
                (at("site/a/b"), file.clone()),
                (at("site/cache/c"), thing(Some("in\n"), None)),
                (at("hard"), file),
                (at("link"), thing(None, Some("site/a"))),
                (at("lost"), thing(None, Some("nowhere"))),
                (at("text"), thing(None, Some("site/a/b"))),
            ]),
            scripts: BTreeMap::from([("said".into(), "a\nb".into())]),
            ..Described::default()
        };
        let mut told = described.answer(&questions);
        for facts in [&mut probed, &mut told] {
            let inside = |path: &String| below(&root, path).is_some();
            facts.paths.retain(|path, fact| {
                // What a file system counts as a directory's names is its own affair.
                fact.names *= u32::from(fact.kind == 'f');
                if let Some(behind) = &mut fact.behind {
                    behind.names *= u32::from(behind.kind == 'f');
                }
                inside(path)
            });
            facts.mounts.retain(|(_, path), _| inside(path));
            facts.trees.values_mut().for_each(|tree| tree.sort());
            facts.system = System::default();
            facts.loaded.clear();
            // Where systemd does not run it says nothing.
            facts.units.retain(|_, unit| !unit.load.is_empty());
        }
        if probed.units.is_empty() {
            told.units.clear();
        }
        assert_eq!(told, probed);
    }
}
