//! Repositories: a key, and a file of sources that is signed by it.

use std::fmt::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::openpgp;
use crate::change::{Change, Content, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{AbsPath, Fingerprint, Flag, Line, LocalPath, Name, Text, optional};
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;
use crate::path::parent;

/// A repository of packages (sources.list(5), "DEB822-STYLE FORMAT"). Its key is there before it, its index is read in the
/// same step, and where that cannot be read, or is not signed by the key, both are taken back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Where it is: `https://download.docker.com/linux/debian`.
    uris: Vec<Line>,
    /// Its suites: `bookworm`; a path that ends with `/` where it has no components.
    suites: Vec<Line>,
    /// Its components: `main`, `stable`.
    #[serde(default)]
    components: Vec<Line>,
    /// `deb` for packages, `deb-src` for their sources; `deb` unless given.
    #[serde(default)]
    types: Vec<Name>,
    /// For which architectures: `amd64`; the host's unless given.
    #[serde(default)]
    architectures: Vec<Name>,
    /// The key that signs it, and no other.
    #[serde(default)]
    key: Option<Key>,
    /// A file of keys that is on the host already: `/usr/share/keyrings/debian-archive-keyring.gpg`.
    #[serde(default, deserialize_with = "optional")]
    signed_by: Option<AbsPath>,
    /// Whether it is used; true unless given.
    #[serde(default, deserialize_with = "optional")]
    enabled: Option<Flag>,
}

/// An OpenPGP key, as text or bytes. Exactly one of `file`, `url` and `text` says where it comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// A file of this machine, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    file: Option<LocalPath>,
    /// A URL, from which this machine fetches it. It needs a `fingerprint`.
    #[serde(default, deserialize_with = "optional")]
    url: Option<Line>,
    /// The key itself: `-----BEGIN PGP PUBLIC KEY BLOCK-----` and what follows.
    #[serde(default, deserialize_with = "optional")]
    text: Option<Text>,
    /// The key's whole fingerprint; where there are several keys, a list of all of theirs.
    #[serde(default)]
    fingerprint: Fingerprints,
}

/// Fingerprints: one, or a list.
#[derive(Debug, Default)]
struct Fingerprints(Vec<Fingerprint>);

impl<'de> Deserialize<'de> for Fingerprints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Fingerprints;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fingerprint, or a list of them")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Fingerprints, E> {
                let fingerprint = text.into_deserializer();
                Ok(Fingerprints(vec![Fingerprint::deserialize(fingerprint)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Fingerprints, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Fingerprints)
            }
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Fingerprints, A::Error> {
                Err(A::Error::custom("a fingerprint or a list of them is needed here"))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Fingerprints {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fingerprints".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Fingerprint>();
        json_schema!({ "anyOf": [{ "type": "array", "items": one }, one] })
    }
}

impl Key {
    /// What the key's file holds, and the end of its name, by which apt tells text from bytes. While it has not been
    /// fetched nothing stands in for it.
    fn content(&self, cx: &mut Render<'_>) -> Result<(Content, &'static str), Problem> {
        let (content, what) = match (&self.file, &self.url, &self.text) {
            (Some(file), None, None) => (cx.local_file(&file.0)?, format!("the key {file}")),
            (None, None, Some(text)) => (cx.content(text.0.clone().into_bytes()), "the key".to_owned()),
            (None, Some(url), None) => {
                if !["https://", "http://"]
                    .iter()
                    .any(|begin| url.0.starts_with(begin))
                {
                    return Err(Problem::new(
                        format!("`{url}` is not a URL to fetch a key from"),
                        "write `https://…`, or `file:` for a file of this machine",
                    ));
                }
                if self.fingerprint.0.is_empty() {
                    return Err(Problem::new(
                        "a key from a URL needs its `fingerprint`",
                        "whoever runs the repository names it; `gpg --show-keys FILE` prints that of a key you have",
                    ));
                }
                match cx.fetched(&url.0)? {
                    Some(content) => (content, format!("the key from {url}")),
                    None => return Ok((cx.content(Vec::new()), TEXT)),
                }
            }
            _ => {
                return Err(Problem::new(
                    "a key comes from one place",
                    "give exactly one of `file`, `url` and `text`",
                ));
            }
        };
        let keys = openpgp::read(&content.bytes).map_err(|why| {
            Problem::new(
                format!("{what} cannot be used: {why}"),
                "`gpg --armor --export ID` writes a public key",
            )
        })?;
        let wanted: Vec<&str> = self.fingerprint.0.iter().map(|one| one.0.as_str()).collect();
        let other = keys
            .fingerprints
            .iter()
            .find(|own| !wanted.contains(&own.as_str()));
        let lacking = wanted
            .iter()
            .find(|one| !keys.fingerprints.iter().any(|own| own == *one));
        if let (false, Some(one)) = (wanted.is_empty(), other.map(String::as_str).or(lacking.copied())) {
            return Err(Problem::new(
                match other {
                    Some(_) => format!("{what} holds the key {one}, which `fingerprint` does not name"),
                    None => format!("{what} does not hold the key {one}"),
                },
                "somebody may have put another key there: ask whoever runs the repository by another way",
            ));
        }
        Ok((content, if keys.armored { TEXT } else { BYTES }))
    }
}

/// The ends of names of keys as text and as bytes (sources.list(5), "Signed-By").
const TEXT: &str = "asc";
const BYTES: &str = "gpg";

/// Where the sources of the repository `name` stand.
pub(super) fn path(name: &str) -> String {
    format!("/etc/apt/sources.list.d/{name}.sources")
}

/// The id of the repository `name`.
pub(super) fn id(name: &str) -> Id {
    Id::new("apt", &format!("repository.{name}"))
}

impl Repository {
    /// `files` are what comes first: those by which apt is told how it gets there, and those that go.
    pub(super) fn render(&self, name: &str, files: &[Ref], cx: &mut Render<'_>) -> Result<(), Problem> {
        let key = match (&self.key, &self.signed_by) {
            (Some(key), None) => {
                let (content, end) = key.content(cx)?;
                let path = format!("/etc/apt/keyrings/{name}.{end}");
                Some(ManagedFile::new(path, content).mode("0644"))
            }
            (None, Some(_)) => None,
            _ => {
                return Err(Problem::new(
                    "a repository is signed by one key",
                    "give exactly one of `key` and `signed_by`",
                ));
            }
        };
        let signed_by = match (&key, &self.signed_by) {
            (Some(key), _) => &key.path,
            (None, Some(path)) => &path.0,
            (None, None) => "",
        };
        let text = self.text(signed_by, &cx.document.name)?;
        let sources = ManagedFile::new(path(name), cx.content(text.into_bytes()));
        let theirs = self.signed_by.iter().map(|path| Ref::Path(path.0.clone()));
        cx.push(Signed {
            id: id(name),
            first: files.iter().cloned().chain(theirs).collect(),
            key,
            sources,
        });
        Ok(())
    }

    fn text(&self, signed_by: &str, playbook: &str) -> Result<String, Problem> {
        let flat = self.suites.iter().filter(|suite| suite.0.ends_with('/')).count();
        match (self.components.is_empty(), flat) {
            (true, flat) if flat == self.suites.len() => {}
            (false, 0) => {}
            _ => {
                return Err(Problem::new(
                    "a repository has `components`, or suites that end with `/`, and not both",
                    "write what stands behind the address in a line of sources: `deb ADDRESS SUITE COMPONENT…`",
                ));
            }
        }
        if self
            .types
            .iter()
            .any(|sort| !["deb", "deb-src"].contains(&sort.0.as_str()))
        {
            return Err(Problem::new(
                "a repository has `deb` or `deb-src`",
                "write one of these under `types`",
            ));
        }
        let mut text = format!(
            "# Managed by hostwright ({playbook}): changes made here are undone by the next apply.\n"
        );
        if self.enabled.as_ref().is_some_and(|enabled| !enabled.0) {
            text += "Enabled: no\n";
        }
        let lines = |lines: &[Line]| lines.iter().map(|line| line.0.clone()).collect::<Vec<_>>();
        let names = |names: &[Name]| names.iter().map(|name| name.0.clone()).collect::<Vec<_>>();
        let types = match self.types.is_empty() {
            true => vec!["deb".to_owned()],
            false => names(&self.types),
        };
        for (field, values) in [
            ("Types", types),
            ("URIs", lines(&self.uris)),
            ("Suites", lines(&self.suites)),
            ("Components", lines(&self.components)),
            ("Architectures", names(&self.architectures)),
            ("Signed-By", vec![signed_by.to_owned()]),
        ] {
            if let Some(value) = values.iter().find(|value| value.contains(char::is_whitespace)) {
                return Err(Problem::new(
                    format!("`{value}` has a blank in it, and apt would take it for several"),
                    "write each as an item of its own",
                ));
            }
            if !values.is_empty() {
                let _ = writeln!(text, "{field}: {}", values.join(" "));
            } else if ["URIs", "Suites"].contains(&field) {
                return Err(Problem::new(
                    format!("a repository without {field}"),
                    "name at least one address under `uris` and one suite under `suites`",
                ));
            }
        }
        Ok(text)
    }
}

/// A repository and the key that signs it.
#[derive(Debug)]
struct Signed {
    id: Id,
    /// What comes first.
    first: Vec<Ref>,
    key: Option<ManagedFile>,
    sources: ManagedFile,
}

impl Signed {
    fn files(&self) -> impl Iterator<Item = &ManagedFile> {
        self.key.iter().chain([&self.sources])
    }
}

impl Resource for Signed {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.files().map(|file| Ref::Path(file.path.clone())).collect()
    }

    fn needs(&self) -> Vec<Ref> {
        let above = self.files().filter_map(|file| parent(&file.path));
        let above = above.map(|path| Ref::Path(path.to_owned()));
        above.chain(self.first.iter().cloned()).collect()
    }

    fn version(&self) -> Option<String> {
        let all = self.files().map(|file| file.content.sha256.as_str());
        Some(sha256(all.collect::<String>().as_bytes()))
    }

    fn paths(&self) -> Vec<&str> {
        self.files().map(|file| file.path.as_str()).collect()
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        let file = self.files().find(|file| file.path == path)?;
        Some(&file.content.bytes)
    }

    fn remains(&self) -> Remains {
        let mut all = Remains::default();
        self.files().for_each(|file| all.extend(file.remains()));
        all
    }

    fn ask(&self, questions: &mut Questions) {
        self.files().for_each(|file| file.ask(questions));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let exists = cx.facts.path(&self.sources.path).is_some();
        let (verb, word) = match exists {
            true => (Verb::Update, "change"),
            false => (Verb::Create, "add"),
        };
        let name = self.id.as_str().trim_start_matches("apt.repository.");
        let mut change = Change::new(&self.id, verb, format!("{word} the repository {name}"));
        let mut differs = false;
        for file in self.files() {
            differs |= file.diff_into(cx, &mut change)?;
        }
        if !differs {
            return Ok(Vec::new());
        }
        // Its index is read anew with another key, too, and that is taken back without it.
        if self.sources.is_there(cx) {
            change = change.action(self.sources.write());
        }
        Ok(vec![change])
    }
}
