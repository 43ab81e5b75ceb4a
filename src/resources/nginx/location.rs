//! What nginx does with requests below one path of a site.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::auth::Auth;
use super::group::{self, Groups};
use super::limit::Limit;
use super::program;
use super::word::word;
use crate::language::Problem;
use crate::language::scalar::{AbsPath, Duration, Flag, Name, Network, Upstream, Url, UrlPath, optional};

/// What is below a path of a site: of `proxy`, `root` and `redirect` the one that it says, or the site's own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Where requests go, with their whole path: `127.0.0.1:9000`, `https://api.example.com`, `unix:/run/app.sock`, or
    /// the name of a program with `instances` or of one of the site's `upstreams`.
    #[serde(default, deserialize_with = "optional")]
    pub proxy: Option<Upstream>,
    /// The directory on the host that the whole path is looked for in: `/assets/a.css` is `ROOT/assets/a.css`.
    #[serde(default, deserialize_with = "optional")]
    pub root: Option<AbsPath>,
    /// Where everybody is sent instead: `https://example.com/new`, `/new`.
    #[serde(default, deserialize_with = "optional")]
    pub redirect: Option<Url>,
    /// Whether a connection to the program may become a WebSocket.
    #[serde(default, deserialize_with = "optional")]
    pub websocket: Option<Flag>,
    /// How long to wait for the program; the site's unless given.
    #[serde(default, deserialize_with = "optional")]
    pub timeout: Option<Duration>,
    /// The files that stand for a directory, the first that is there; `index.html` unless given.
    #[serde(default)]
    pub index: Vec<Name>,
    /// The file of `root` that is served for a path that is not there.
    #[serde(default, deserialize_with = "optional")]
    pub fallback: Option<UrlPath>,
    /// How long browsers and caches may keep an answer: `1h`, `30d`.
    #[serde(default, deserialize_with = "optional")]
    pub cache: Option<Duration>,
    /// Who alone may ask: addresses and networks.
    #[serde(default)]
    pub allow: Networks,
    /// Who may not ask: `all` (but for those of `allow`), addresses and networks.
    #[serde(default)]
    pub deny: Networks,
    /// How much one address may ask.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// Who may ask, with a name and a password.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// How nginx calls what a site's locations need, which is everybody's.
pub struct Called<'a> {
    pub site: &'a str,
    /// The variable for the header `Connection` of an upgrade.
    pub upgrade: &'a str,
    /// The site's own groups of servers.
    pub groups: &'a Groups,
}

/// The programs that these locations name, each once; a name of the site's own groups is none.
pub(super) fn programs<'l>(locations: impl Iterator<Item = &'l Location>, groups: &Groups) -> Vec<String> {
    let named = locations.filter_map(|location| location.proxy.as_ref()?.name());
    let named = named.filter(|name| !group::has(groups, name));
    let mut names: Vec<String> = named.map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What nginx counts of the location at this place of a site's list, or keeps of its users.
fn own(site: &str, index: usize) -> String {
    format!("{site}@{index}")
}

/// Where the passwords stand of whoever may ask there.
pub(super) fn passwords(site: &str, index: usize) -> String {
    format!("/etc/nginx/passwords/{}", own(site, index))
}

impl Location {
    /// Whether it says what is there.
    pub fn is_something(&self) -> bool {
        self.proxy.is_some() || self.root.is_some() || self.redirect.is_some()
    }

    /// Whether nobody sees what is there.
    fn denies_all(&self) -> bool {
        self.allow.0.is_empty() && self.deny.has_all()
    }

    /// It, with what it leaves to its site.
    pub fn within(&self, site: &Self) -> Self {
        let mut whole = self.clone();
        whole.timeout = whole.timeout.or_else(|| site.timeout.clone());
        if self.is_something() || self.denies_all() {
            return whole;
        }
        whole.proxy.clone_from(&site.proxy);
        whole.root.clone_from(&site.root);
        whole.redirect.clone_from(&site.redirect);
        whole.websocket = whole.websocket.or_else(|| site.websocket.clone());
        whole.fallback = whole.fallback.or_else(|| site.fallback.clone());
        whole.cache = whole.cache.or_else(|| site.cache.clone());
        if whole.index.is_empty() {
            whole.index.clone_from(&site.index);
        }
        whole
    }

    /// Refuses what does not go together.
    pub fn check(&self) -> Result<(), Problem> {
        let said = [
            ("`proxy`", self.proxy.is_some()),
            ("`root`", self.root.is_some()),
            ("`redirect`", self.redirect.is_some()),
        ];
        let said: Vec<&str> = said.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if said.len() > 1 {
            return Err(Problem::new(
                format!("{} stand together", said.join(" and ")),
                "say one of them: requests go to a program, to files, or elsewhere",
            ));
        }
        if said.is_empty() && !self.denies_all() {
            return Err(Problem::new(
                "a location that serves nothing, in a site that says nothing of itself",
                "give it one of `proxy`, `root` and `redirect`, or `deny: all`",
            ));
        }
        if self.redirect.is_some() && (self.asks_who() || self.limit.is_some()) {
            return Err(Problem::new(
                "nginx redirects before it looks at who asks, so `allow`, `deny`, `auth` and `limit` would do nothing",
                "take them out, or protect what the redirect leads to",
            ));
        }
        self.check_alone()
    }

    /// Whether it matters who asks.
    fn asks_who(&self) -> bool {
        !(self.allow.0.is_empty() && self.deny.0.is_empty()) || self.auth.is_some()
    }

    /// Refuses what belongs to something that is not there.
    pub fn check_alone(&self) -> Result<(), Problem> {
        if self.allow.has_all() {
            return Err(Problem::new(
                "`allow: all` says nothing",
                "name the addresses that may ask, or take it out",
            ));
        }
        if let Some(limit) = &self.limit {
            limit.check()?;
        }
        for (name, is_said, of, is_there) in [
            (
                "websocket",
                self.websocket.is_some(),
                "proxy",
                self.proxy.is_some(),
            ),
            ("index", !self.index.is_empty(), "root", self.root.is_some()),
            ("fallback", self.fallback.is_some(), "root", self.root.is_some()),
        ] {
            if is_said && !is_there {
                return Err(Problem::new(
                    format!("`{name}` goes with `{of}`, which is not there"),
                    format!("give `{of}` too, or take `{name}` out"),
                ));
            }
        }
        Ok(())
    }

    /// Whether the certificate of whoever it hands requests on to is looked at.
    pub fn is_verified(&self) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| proxy.https().is_some())
    }

    /// Whether connections may be upgraded.
    pub fn upgrades(&self) -> bool {
        self.websocket.as_ref().is_some_and(|flag| flag.0)
    }

    /// It, for a template. It stands at this place of the site's list.
    pub fn values(&self, path: &str, index: usize, called: &Called<'_>) -> Value {
        let name = self.proxy.as_ref().and_then(Upstream::name);
        let program = name.filter(|name| !group::has(called.groups, name));
        let proxy = self.proxy.as_ref().map(|proxy| match (program, name) {
            (Some(program), _) => program::variable(called.site, program),
            (None, Some(group)) => group::called(called.site, group),
            (None, None) => proxy.https().unwrap_or(&proxy.0).to_owned(),
        });
        let files: Vec<&str> = self.index.iter().map(|name| name.0.as_str()).collect();
        json!({
            "path": path,
            "rules": self.rules(),
            "limit": self.limit.as_ref().map(|limit| limit.values(&own(called.site, index))),
            "auth": self.auth.as_ref().map(|auth| auth.values(&passwords(called.site, index), called.site)),
            "by_name": program.is_some(),
            "proxy": proxy,
            "https": self.is_verified(),
            "upgrade": self.upgrades().then_some(called.upgrade),
            "timeout": self.timeout.as_ref().map_or(60, |time| time.0),
            "root": self.root.as_ref().map(|root| word(&root.0)),
            "index": (!files.is_empty()).then(|| files.join(" ")),
            "fallback": self.fallback.as_ref().map(|path| &path.0),
            "cache": self.cache.as_ref().map(|time| format!("{}s", time.0)),
            "redirect": self.redirect.as_ref().map(|url| &url.0),
        })
    }

    /// nginx's rules of access, the first of which that is about whoever asks decides.
    fn rules(&self) -> Vec<String> {
        let is_one = |network: &&Network| network.0 != ALL;
        let denied = self.deny.0.iter().filter(is_one);
        let mut rules: Vec<String> = denied.map(|network| format!("deny {network}")).collect();
        rules.extend(self.allow.0.iter().map(|network| format!("allow {network}")));
        if self.deny.has_all() || !self.allow.0.is_empty() {
            rules.push(format!("deny {ALL}"));
        }
        rules
    }
}

/// Whoever asks.
const ALL: &str = "all";

/// Addresses and networks: one, or a list.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    fn has_all(&self) -> bool {
        self.0.iter().any(|network| network.0 == ALL)
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Networks;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a list of them")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Networks, E> {
                let network = text.into_deserializer();
                Ok(Networks(vec![Network::deserialize(network)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Networks, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Networks)
            }
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Networks, A::Error> {
                Err(A::Error::custom("an address or a list of them is needed here"))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Networks {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Networks".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Network>();
        json_schema!({ "anyOf": [{ "type": "array", "items": one }, one] })
    }
}
