//! The keys that let a user in: the whole file, or single lines of it. A key is itself whatever its options and comment.

use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::account::Account;
use super::departed::Departs;
use super::found_keys::{ASK, Found, writable};
use crate::change::{Action, Change, Content, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, PathFact, Questions, Remains};
use crate::language::public_key::{key, told};
use crate::language::scalar::{Flag, PublicKey, optional};
use crate::language::{Problem, Render};
use crate::managed::{file, standing};
use crate::shell;

const NO_LINKS: &str = include_str!("no_links.sh");
const UNCHANGED: &str = include_str!("../../managed/unchanged.sh");
/// Under which name a host remembers a key that a playbook brought, before the user and the key.
const SETTING: &str = "authorized_key ";

/// Public keys of a user, and what becomes of others.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AuthorizedKeys")]
pub struct Details {
    /// Keys that let him in, a line each as in `authorized_keys`: `restrict,from="10.0.0.0/8" ssh-ed25519 AAAA… ann`.
    #[serde(default)]
    keys: Vec<PublicKey>,
    /// Whether others are taken out; true unless given.
    #[serde(default, deserialize_with = "optional")]
    exclusive: Option<Flag>,
    /// Keys that are taken out, where others stay.
    #[serde(default)]
    absent: Vec<PublicKey>,
}

/// The public keys of a user: the whole list, or a mapping that says which there are and which not.
#[derive(Clone, Debug)]
pub struct AuthorizedKeys(Details);

impl<'de> Deserialize<'de> for AuthorizedKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysOrMore;
        impl<'de> Visitor<'de> for KeysOrMore {
            type Value = AuthorizedKeys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of keys, or a mapping with `keys`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AuthorizedKeys, A::Error> {
                Ok(AuthorizedKeys(Details {
                    keys: Vec::deserialize(SeqAccessDeserializer::new(list))?,
                    exclusive: None,
                    absent: Vec::new(),
                }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AuthorizedKeys, A::Error> {
                Details::deserialize(MapAccessDeserializer::new(map)).map(AuthorizedKeys)
            }
        }
        deserializer.deserialize_any(KeysOrMore)
    }
}

impl JsonSchema for AuthorizedKeys {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeysOrAuthorizedKeys".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let details = generator.subschema_for::<Details>();
        let keys = generator.subschema_for::<Vec<PublicKey>>();
        json_schema!({ "anyOf": [details, keys] })
    }
}

/// A key that the playbook brought and no longer declares.
struct Left {
    user: String,
    key: String,
}

fn left(gone: &Remains) -> impl Iterator<Item = Left> {
    gone.settings.keys().filter_map(|name| {
        let (user, key) = name.strip_prefix(SETTING)?.split_once(' ')?;
        Some(Left {
            user: user.to_owned(),
            key: key.to_owned(),
        })
    })
}

/// Says which keys go.
pub(in crate::resources) fn announce_left(gone: &Remains, cx: &mut Render<'_>) {
    left(gone).for_each(|left| cx.announce(left));
}

/// Adds what takes the keys of those away of whom no key is declared any more, and who stay. Others see to it themselves.
pub(in crate::resources) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    let users: BTreeSet<String> = left(gone).map(|left| left.user).collect();
    for user in users.difference(&gone.users) {
        let departs = cx.announced::<Departs>().any(|departs| departs.0 == *user);
        if !departs && !cx.has(&Id::new("authorized_keys", user)) {
            let keys = Keys {
                id: Id::new("pruned", &format!("{user}.authorized_keys")),
                user: user.clone(),
                home: None,
                group: None,
                makes_home: false,
                keys: Vec::new(),
                absent: absent(user, cx),
                exclusive: false,
                left: true,
                secret: false,
            };
            cx.push(keys);
        }
    }
}

/// The keys of a user that go.
fn absent(user: &str, cx: &Render<'_>) -> Vec<String> {
    let left = cx.announced::<Left>().filter(|left| left.user == user);
    left.map(|left| left.key.clone()).collect()
}

/// A line that may be long.
fn shorter(line: &str) -> String {
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The keys of a user on a host.
#[derive(Debug)]
pub(super) struct Keys {
    id: Id,
    user: String,
    home: Option<String>,
    /// His primary group, if the playbook says it.
    group: Option<String>,
    /// Whether his home comes with him.
    makes_home: bool,
    /// Lines.
    keys: Vec<String>,
    /// Keys alone.
    absent: Vec<String>,
    exclusive: bool,
    /// Whether only keys go here that the playbook brought and no longer declares.
    left: bool,
    secret: bool,
}

impl Keys {
    /// The keys of `user`.
    ///
    /// # Errors
    /// When they contradict each other.
    pub fn new(user: &Account, declared: &AuthorizedKeys, cx: &Render<'_>) -> Result<Self, Problem> {
        let Details {
            keys,
            exclusive,
            absent: gone,
            ..
        } = &declared.0;
        let exclusive = exclusive.as_ref().is_none_or(|flag| flag.0);
        if exclusive && !gone.is_empty() {
            return Err(Problem::new(
                "`absent` takes single keys out, and without `exclusive: false` all others go anyway",
                "say `exclusive: false`, or take out `absent`",
            ));
        }
        let mut seen = BTreeSet::new();
        for line in keys.iter().chain(gone) {
            if let Some(key) = key(&line.0)
                && !seen.insert(key)
            {
                return Err(Problem::new(
                    format!("the key {} stands here twice", told(&line.0)),
                    "take one of the two out; a key is the same whatever its options and comment",
                ));
            }
        }
        let mut absent = absent(&user.name, cx);
        absent.extend(gone.iter().filter_map(|line| key(&line.0)).map(str::to_owned));
        let keys: Vec<String> = keys.iter().map(|line| line.0.clone()).collect();
        Ok(Self {
            id: Id::new("authorized_keys", &user.name),
            user: user.name.clone(),
            home: user.home.clone(),
            group: user.group.clone(),
            makes_home: !user.system,
            absent,
            exclusive,
            left: false,
            secret: cx.content(keys.join("\n").into_bytes()).secret,
            keys,
        })
    }

    fn setting(&self, key: &str) -> String {
        format!("{SETTING}{} {key}", self.user)
    }

    fn refusal(&self, cause: String, mend: impl Into<String>) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.into(),
        }
    }

    /// What the file shall hold where it holds this, a line each.
    fn wanted(&self, there: &[&str]) -> Vec<String> {
        if self.exclusive {
            return self.keys.clone();
        }
        let mut placed = BTreeSet::new();
        let mut lines = Vec::new();
        for line in there {
            let own = key(line).and_then(|found| self.keys.iter().find(|own| key(own) == Some(found)));
            match own {
                Some(own) if placed.insert(own) => lines.push(own.clone()),
                Some(_) => {}
                None if key(line).is_some_and(|found| self.absent.iter().any(|gone| gone == found)) => {}
                None => lines.push((*line).to_owned()),
            }
        }
        lines.extend(self.keys.iter().filter(|own| !placed.contains(own)).cloned());
        lines
    }

    /// What becomes of which key, in words.
    fn notes(&self, there: &[&str], wanted: &[String]) -> Vec<String> {
        let had = |line: &str| there.iter().find(|old| key(old) == key(line)).copied();
        let come = wanted.iter().filter_map(|line| match had(line) {
            _ if key(line).is_none() => None,
            None => Some(format!("lets in {}", told(line))),
            Some(old) if old != line => Some(format!("other options or another comment of {}", told(line))),
            Some(_) => None,
        });
        let stays = |line: &str| wanted.iter().any(|new| key(new) == key(line));
        let go = there.iter().filter(|line| key(line).is_some() && !stays(line));
        let go = go.map(|line| format!("no longer lets in {}", told(line)));
        // A remark, or what sshd passes over.
        let other = |line: &&&str| key(line).is_none() && !line.is_empty();
        let other = there.iter().filter(other);
        let other = other.filter(|line| !wanted.iter().any(|new| new == *line));
        let other = other.map(|line| format!("without the line `{}`", shorter(line)));
        come.chain(go).chain(other).collect()
    }

    /// Refuses what would let nobody in though the key stands there, and what is not ours to write.
    fn refuse(&self, found: &Found<'_>, cx: &Context<'_>) -> Result<(), Refusal> {
        let Self { user, .. } = self;
        let (home, folder, path) = (found.home, found.folder(), found.path());
        if cx.content(&path).is_some() {
            return Err(self.refusal(
                format!("{path} is declared as a whole, too"),
                "say his keys in one of the two places",
            ));
        }
        if let Some(reads) = found.reads
            && !self.keys.is_empty()
            && !reads.split(' ').any(|pattern| found.means(pattern, user) == path)
        {
            return Err(self.refusal(
                format!("sshd looks for the keys of {user} in `{reads}` (AuthorizedKeysFile), and not in {path}"),
                "put the file where sshd looks, under `files`, or take AuthorizedKeysFile out of sshd's options",
            ));
        }
        match found.at(home) {
            None if self.makes_home && cx.facts.user(user).is_none() || cx.provided(home) => {}
            None => {
                return Err(self.refusal(
                    format!("the home {home} of {user} is not there"),
                    format!("declare it under `directories` with `owner: {user}`"),
                ));
            }
            Some(fact)
                if !self.keys.is_empty()
                    && fact.kind == 'd'
                    && writable(&fact.mode)
                    && !cx.provided(home) =>
            {
                return Err(self.refusal(
                    format!(
                        "others than {user} may write to his home {home} ({}), and sshd takes no key from there (StrictModes)",
                        fact.mode
                    ),
                    format!("`chmod go-w {home}`, or declare it under `directories`"),
                ));
            }
            Some(_) => {}
        }
        for (at, kind, what) in [(&folder, 'd', "directory"), (&path, 'f', "file")] {
            if let Some(fact) = found.at(at).filter(|fact| fact.kind != kind) {
                let is = match fact.kind {
                    'l' => "a link".to_owned(),
                    _ => standing::what(&fact),
                };
                return Err(self.refusal(
                    format!("{at} is {is}, and a {what} is meant"),
                    "move it away first",
                ));
            }
        }
        Ok(())
    }
}

impl Resource for Keys {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let home = self.home.iter().map(|home| Ref::Path(home.clone()));
        home.chain([Ref::User(self.user.clone())]).collect()
    }

    fn remains(&self) -> Remains {
        let keys = self.keys.iter().filter_map(|line| key(line));
        Remains {
            settings: keys.map(|key| (self.setting(key), String::new())).collect(),
            ..Remains::default()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = self.remains();
        let known = cx.facts.made().settings;
        let found = Found::read(cx.facts.output(self.id.as_str()));
        let there: BTreeSet<String> = found
            .lines
            .iter()
            .filter_map(|line| key(line))
            .map(|key| self.setting(key))
            .collect();
        remains
            .settings
            .retain(|name, _| known.contains_key(name) || !there.contains(name));
        remains
    }

    fn goes_on_with(&self, path: &str, facts: &Facts) -> bool {
        !self.left && Found::read(facts.output(self.id.as_str())).path() == path
    }

    fn ask(&self, questions: &mut Questions) {
        questions.user(&self.user);
        let [user, home] = [&*self.user, self.home.as_deref().unwrap_or_default()].map(shell::quote);
        questions.script(self.id.as_str(), format!("user={user}\nwanted={home}\n{ASK}"));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, user, .. } = self;
        let found = Found::read(cx.facts.output(id.as_str()));
        let is_there = cx.facts.user(user).is_some();
        let wanted = self.wanted(&found.lines);
        // Nothing is made where only something was to go.
        if !is_there && self.keys.is_empty() || found.sum.is_none() && wanted.is_empty() {
            return Ok(Vec::new());
        }
        // What is left of earlier ones stands no longer there, or whoever says the whole file says it.
        if self.left && (wanted == found.lines || cx.content(&found.path()).is_some()) {
            return Ok(Vec::new());
        }
        self.refuse(&found, cx)?;
        if found.sum.is_none() && found.at(&found.path()).is_some() {
            return Err(self.refusal(
                format!("{} is larger than 128 KiB", found.path()),
                "declare the whole file under `files`",
            ));
        }
        let (folder, path) = (found.folder(), found.path());
        let known = (!found.group.is_empty()).then_some(found.group);
        let group = self.group.as_deref().or(known).unwrap_or(user);
        let owner = format!("{user}:{group}");
        let verb = if found.sum.is_some() {
            Verb::Update
        } else {
            Verb::Create
        };
        let mut change = Change::new(id, verb, format!("the keys that let {user} in ({path})"));
        let above = found.at(&folder);
        let is_right = |fact: &PathFact| file::attributes(fact, "0700", &owner).is_empty();
        if !above.as_ref().is_some_and(is_right) {
            change = change.note(format!("{folder} 0700 {owner}"));
            change = change.action(Action::Directory {
                path: folder.clone(),
                mode: "0700".into(),
                owner: owner.clone(),
            });
        }
        if !change.actions.is_empty() || !found.lines.eq(&wanted) {
            let guard = format!("{NO_LINKS}no_links {}", shell::words([&folder, &path]));
            change.actions.insert(0, Action::Load(guard));
        }
        let notes = self.notes(&found.lines, &wanted);
        change = notes.into_iter().fold(change, Change::note);
        let same = found.sum.is_some() && wanted == found.lines;
        let other = found
            .at(&path)
            .map_or_else(Vec::new, |fact| file::attributes(&fact, "0600", &owner));
        if !same {
            let sum = found.sum.unwrap_or("none");
            change = change.action(Action::Load(format!(
                "{UNCHANGED}unchanged {} {sum}",
                shell::quote(&path)
            )));
            let text: String = wanted.iter().map(|line| format!("{line}\n")).collect();
            change = change.action(Action::Write {
                path,
                content: Content::new(text.into_bytes(), self.secret),
                mode: "0600".into(),
                owner,
                validate: None,
                like: None,
            });
        } else if !other.is_empty() {
            change.details.extend(other);
            change = change.action(Action::Attributes {
                path,
                mode: "0600".into(),
                owner,
            });
        }
        Ok(if change.actions.is_empty() {
            Vec::new()
        } else {
            vec![change]
        })
    }

    fn version(&self) -> Option<String> {
        Some(sha256(self.keys.join("\n").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIExEJ63L/hkFsYrkj99WScaBmNzDLHdqZb5ziuF6OlKW";
    const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIIxEJ63L/hkFsYrkj99WScaBmNzDLHdqZb5ziuF6OlKW";

    fn keys(lines: &[&str], absent: &[&str], exclusive: bool) -> Keys {
        Keys {
            id: Id::new("authorized_keys", "ann"),
            user: "ann".into(),
            home: None,
            group: None,
            makes_home: true,
            keys: lines.iter().map(|line| (*line).to_owned()).collect(),
            absent: absent.iter().map(|line| (*line).to_owned()).collect(),
            exclusive,
            left: false,
            secret: false,
        }
    }

    #[test]
    fn a_key_takes_the_place_of_itself_and_others_stay() {
        let (own, other) = (
            format!("restrict ssh-ed25519 {ED} ann"),
            format!("ssh-ed25519 {OTHER} bob"),
        );
        let old = format!("ssh-ed25519 {ED} ann@old");
        let there = ["# by hand", old.as_str(), "nonsense", &other, &old];
        let single = keys(&[&own], &[], false);
        assert_eq!(single.wanted(&there), ["# by hand", &own, "nonsense", &other]);
        assert_eq!(
            single.notes(&there, &single.wanted(&there)),
            [format!("other options or another comment of {}", told(&own))]
        );
        assert_eq!(keys(&[], &[OTHER], false).wanted(&there[2..4]), ["nonsense"]);
        let whole = keys(&[&own], &[], true);
        assert_eq!(whole.wanted(&there), [own.as_str()]);
        assert!(
            whole
                .notes(&there, &whole.wanted(&there))
                .contains(&format!("no longer lets in {}", told(&other)))
        );
        assert_eq!(keys(&[&own], &[], false).wanted(&[]), [own.as_str()]);
    }
}
