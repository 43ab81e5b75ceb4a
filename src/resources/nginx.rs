//! nginx sites: tested before they are live, put back when the test fails, reloaded and never restarted.
//!
//! A site with a certificate that is not there yet is put in place twice: first over HTTP, so that the
//! authority's challenge finds its webroot, then with TLS and the redirect.

mod auth;
mod circle;
mod group;
mod limit;
mod location;
mod program;
mod served;
mod word;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::auth::Auth;
use self::circle::Circles;
use self::group::Groups;
use self::limit::Limit;
use self::location::{Called, Location, Networks};
use self::served::{MEND_INSTALLATION, Served, Sort};
use self::word::quoted;
use super::certbot::Issued;
use super::certificate::{self, Wanted};
use super::directory::Directory;
use super::instances::HandsTo;
use crate::change::Id;
use crate::language::scalar::{
    AbsPath, Domain, Duration, Flag, Line, LocalPath, LocationPath, Name, Port, ServerName, Upstream, Url,
    UrlPath, optional,
};
use crate::language::template::object;
use crate::language::{Declaration, Placed, Problem, Render};
use crate::managed::announced;
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// A site: it hands its requests on to a program (`proxy`), serves files (`root`), redirects, or does so below the paths
/// of its `locations` alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Where requests go: `127.0.0.1:8080`, `https://api.example.com`, `unix:/run/app.sock`, or the name of a program
    /// with `instances` or of one of `upstreams`.
    #[serde(default, deserialize_with = "optional")]
    pub proxy: Option<Upstream>,
    /// The directory on the host whose files are served.
    #[serde(default, deserialize_with = "optional")]
    pub root: Option<AbsPath>,
    /// Where everybody is sent instead: `https://example.com$request_uri`, with nginx's variables.
    #[serde(default, deserialize_with = "optional")]
    pub redirect: Option<Url>,
    /// What is otherwise below a path, as nginx's `location`: `/assets/` is all that is in it, `/assets` all whose
    /// path begins so, `= /assets` that path alone.
    #[serde(default)]
    pub locations: IndexMap<LocationPath, Placed<Location>>,
    /// The names that it answers to; those of its certificate, or any, unless given. With a certificate,
    /// HTTP redirects to the first, or to the name itself where one of them is a wildcard.
    #[serde(default)]
    pub names: Vec<ServerName>,
    /// Further names: who comes by one of them is sent to the first of `names`.
    #[serde(default)]
    pub redirect_from: Vec<Domain>,
    /// The port for HTTP; 80 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub listen: Option<Port>,
    /// Whether it takes the place of the distribution's default site.
    #[serde(default, deserialize_with = "optional")]
    pub replaces_default: Option<Flag>,
    /// The certificate (an entry of `certificates`) for HTTPS. HTTP redirects then.
    #[serde(default, deserialize_with = "optional")]
    pub certificate: Option<Name>,
    /// For how long browsers that were here may come by HTTPS alone (RFC 6797): `365d`. It needs a certificate.
    #[serde(default, deserialize_with = "optional")]
    pub hsts: Option<Duration>,
    /// Whether a connection to the program may become a WebSocket.
    #[serde(default, deserialize_with = "optional")]
    pub websocket: Option<Flag>,
    /// How long to wait for the program: to connect, to send, to read; 60 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub timeout: Option<Duration>,
    /// The files of `root` that stand for a directory, the first that is there; `index.html` unless given.
    #[serde(default)]
    pub index: Vec<Name>,
    /// The file of `root` that is served for a path that is not there: `/index.html` for a single-page app.
    #[serde(default, deserialize_with = "optional")]
    pub fallback: Option<UrlPath>,
    /// How long browsers and caches may keep an answer: `1h`, `30d`.
    #[serde(default, deserialize_with = "optional")]
    pub cache: Option<Duration>,
    /// Groups of servers that requests go to by turns, by name.
    #[serde(default)]
    pub upstreams: Groups,
    /// Who alone may ask: addresses and networks. A location that says who may has its own rules.
    #[serde(default)]
    pub allow: Networks,
    /// Who may not ask: `all` (but for those of `allow`), addresses and networks.
    #[serde(default)]
    pub deny: Networks,
    /// How much one address may ask of what has no limit of its own.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// Who may ask, with a name and a password.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Headers of every answer, by name. nginx's variables may stand in a value.
    #[serde(default)]
    pub headers: IndexMap<Name, Line>,
    /// Whether texts are compressed, those of a program too; as nginx's main file has it unless given.
    #[serde(default, deserialize_with = "optional")]
    pub gzip: Option<Flag>,
    /// Whether requests are written to nginx's access log; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub access_log: Option<Flag>,
    /// The largest request body: `1m` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub max_body: Option<Line>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
}

/// The path below which a site has what it says of itself.
const OWN: &str = "/";

/// The places in a site's list of what holds for all of it, and of the first location.
const WHOLE: usize = 0;
const FIRST: usize = 1;

impl Site {
    /// What the site says of itself.
    fn own(&self) -> Location {
        Location {
            proxy: self.proxy.clone(),
            root: self.root.clone(),
            redirect: self.redirect.clone(),
            websocket: self.websocket.clone(),
            timeout: self.timeout.clone(),
            index: self.index.clone(),
            fallback: self.fallback.clone(),
            cache: self.cache.clone(),
            ..Location::default()
        }
    }

    /// What holds for all of it: who may ask, and how much. That is said once, for the whole server.
    fn whole(&self) -> Location {
        Location {
            redirect: self.redirect.clone(),
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            limit: self.limit.clone(),
            auth: self.auth.clone(),
            ..Location::default()
        }
    }

    /// What is served below each path. What is wrong with a location is told at its place.
    fn locations(&self, name: &str, cx: &mut Render<'_>) -> Result<Vec<(String, Location)>, Problem> {
        let own = self.own();
        let mut all = Vec::new();
        if own.is_something() {
            own.check()?;
            all.push((OWN.to_owned(), own.clone()));
        } else if self.locations.is_empty() && self.template.is_none() {
            return Err(Problem::new(
                "a site that serves nothing",
                "give it one of `proxy`, `root` and `redirect`, or `locations`",
            ));
        } else {
            own.check_alone()?;
        }
        for (path, placed) in &self.locations {
            let location = placed.value.within(&own);
            let checked = match path.0 == OWN && own.is_something() {
                true => Err(Problem::new(
                    "what the site says of itself is the location `/` already",
                    "take out one of the two",
                )),
                false => location.check(),
            };
            match checked {
                Ok(()) => all.push((path.0.clone(), location)),
                Err(problem) => cx.wrong_in(name, problem, placed),
            }
        }
        Ok(all)
    }

    /// Refuses redirects that would send browsers in circles.
    fn refuse_circles(
        &self,
        name: &str,
        locations: &[(String, Location)],
        certificate: Option<&Issued>,
        cx: &mut Render<'_>,
    ) -> Result<(), Problem> {
        let names = self.names(certificate);
        let from = self.redirect_from.iter().map(|name| name.0.as_str());
        let circles = Circles {
            locations,
            names: names.iter().map(String::as_str).chain(from).collect(),
            tls: certificate.is_some(),
            listen: self.listen.as_ref().map_or(80, |port| port.0),
        };
        for (at, (path, _)) in locations.iter().enumerate() {
            let Some(url) = circles.from(at) else {
                continue;
            };
            let message = format!("`{url}` leads back to `{path}`: browsers would be sent in circles");
            match self.locations.iter().find(|(own, _)| own.0 == *path) {
                None => {
                    let mend = "let it lead to another site, or to a path that a location serves";
                    return Err(Problem::new(message, mend));
                }
                Some((_, placed)) => {
                    let mend = "let it lead elsewhere; `= /a` is about the path `/a` alone, and `/a` about `/a.html`, too";
                    cx.wrong_in(name, Problem::new(message, mend), placed);
                }
            }
        }
        Ok(())
    }

    /// The names that it answers to itself.
    fn names(&self, certificate: Option<&Issued>) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().map(|name| name.0.clone()).collect();
        if names.is_empty() {
            names.extend(certificate.into_iter().flat_map(|issued| issued.domains.clone()));
            names.retain(|name| !self.redirects_from(name));
        }
        names
    }

    fn redirects_from(&self, name: &str) -> bool {
        self.redirect_from.iter().any(|from| from.0 == *name)
    }

    /// Refuses what does not go together.
    fn check(&self, certificate: Option<&Issued>) -> Result<(), Problem> {
        if self.hsts.is_some() && self.certificate.is_none() {
            return Err(Problem::new(
                "`hsts` without a certificate: browsers would come by HTTPS, and nothing answers there",
                "give the site a `certificate`, or take `hsts` out",
            ));
        }
        match self.redirect {
            Some(_) => self.whole().check()?,
            None => self.whole().check_alone()?,
        }
        let foreign =
            |name: &&ServerName| certificate.is_some_and(|issued| issued.own && !issued.covers(&name.0));
        if let Some(name) = self.names.iter().find(foreign) {
            return Err(Problem::new(
                format!("the site's certificate is not for `{name}`, which browsers would say"),
                "take the name out, or add it to the certificate's `aliases` if it is for it",
            ));
        }
        if self.redirect_from.is_empty() {
            return Ok(());
        }
        if let Some(name) = self.names.iter().find(|name| self.redirects_from(&name.0)) {
            return Err(Problem::new(
                format!("`{name}` stands in `names` and in `redirect_from`"),
                "leave it in one of them",
            ));
        }
        if self
            .names(certificate)
            .first()
            .is_none_or(|first| first.starts_with('*'))
        {
            return Err(Problem::new(
                "`redirect_from` leads to the site's first name, and it has none that is a whole one",
                "begin the site's `names` with one",
            ));
        }
        let covered = |name: &Domain| certificate.is_none_or(|issued| issued.covers(&name.0));
        match self.redirect_from.iter().find(|name| !covered(name)) {
            None => Ok(()),
            Some(name) => Err(Problem::new(
                format!(
                    "the site's certificate is not for `{name}`, so browsers would not be sent on by HTTPS"
                ),
                "add it to the certificate's `aliases`",
            )),
        }
    }

    /// The headers of its answers, each with its value as nginx reads it.
    fn headers(&self, tls: bool) -> Vec<Value> {
        let header = |name: &str, value: &str| json!({ "name": name, "value": quoted(value) });
        let hsts = self.hsts.as_ref().filter(|_| tls);
        let hsts = hsts.map(|time| header("Strict-Transport-Security", &format!("max-age={}", time.0)));
        let own = self.headers.iter().map(|(name, value)| header(&name.0, &value.0));
        hsts.into_iter().chain(own).collect()
    }

    /// Puts the files of passwords in place; their paths.
    fn passwords(
        &self,
        name: &str,
        locations: &[(String, Location)],
        cx: &mut Render<'_>,
    ) -> Result<Vec<String>, Problem> {
        let whole = self.auth.iter().map(|auth| (WHOLE, auth));
        let own = locations.iter().zip(FIRST..);
        let own = own.filter_map(|((_, location), index)| Some((index, location.auth.as_ref()?)));
        let mut paths = Vec::new();
        for (index, auth) in whole.chain(own) {
            let path = location::passwords(name, index);
            let file = auth.file(path.clone())?;
            cx.push(Plain {
                id: Id::new("file", &path),
                file,
            });
            paths.push(path);
        }
        Ok(paths)
    }

    /// The site for each [`Sort`] of host.
    fn files(
        &self,
        name: &str,
        locations: &[(String, Location)],
        certificate: Option<&Issued>,
        tls: bool,
        cx: &Render<'_>,
    ) -> Result<[ManagedFile; 4], Problem> {
        let names = self.names(certificate);
        let listen = self.listen.as_ref().map_or(80, |port| port.0);
        let from: Vec<&str> = self.redirect_from.iter().map(|name| name.0.as_str()).collect();
        let origin = names.first().map(|first| match (tls, listen) {
            (true, _) => format!("https://{first}"),
            (false, 80) => format!("http://{first}"),
            (false, port) => format!("http://{first}:{port}"),
        });
        let upgrade = format!("$connection_upgrade_{}", program::letters(name));
        let called = Called {
            site: name,
            upgrade: &upgrade,
            groups: &self.upstreams,
        };
        let programs = location::programs(locations.iter().map(|(_, location)| location), &self.upstreams);
        let instances = program::values(name, &programs, cx)?;
        let whole = self.whole().values(OWN, WHOLE, &called);
        let upgrades = locations.iter().any(|(_, location)| location.upgrades());
        let flag = |flag: &Option<Flag>, unless: bool| flag.as_ref().map_or(unless, |flag| flag.0);
        let locations = locations.iter().zip(FIRST..);
        let locations = locations.map(|((path, location), index)| location.values(path, index, &called));
        let locations: Vec<Value> = locations.collect();
        let limits = std::iter::once(&whole)
            .chain(&locations)
            .map(|location| &location["limit"]);
        // Who came to one of many is not sent to another one.
        let is_wild = names.iter().any(|name| name.starts_with('*'));
        let mut values = object(json!({
            "name": name,
            "names": if names.is_empty() { "_".to_owned() } else { names.join(" ") },
            "listen": listen,
            "default_server": flag(&self.replaces_default, false),
            // What whoever comes by HTTP is sent on to.
            "host": if is_wild { "$host" } else { "$server_name" },
            "proxy": self.own().values(OWN, FIRST, &called)["proxy"],
            "instances": instances,
            "upstreams": group::values(name, &self.upstreams)?,
            "limits": limits.filter(|limit| !limit.is_null()).collect::<Vec<_>>(),
            "limit": whole["limit"],
            "rules": whole["rules"],
            "auth": whole["auth"],
            "timeout": self.timeout.as_ref().map_or(60, |time| time.0),
            "max_body": self.max_body.as_ref().map_or("1m", |size| &size.0),
            "webroot": certificate.and_then(|issued| issued.webroot.as_ref()),
            "certificate": certificate.filter(|_| tls).map(|issued| &issued.directory),
            "upgrade": upgrades.then_some(&upgrade),
            "access_log": flag(&self.access_log, true),
            "gzip": self.gzip.as_ref().map(|gzip| if gzip.0 { "on" } else { "off" }),
            "headers": self.headers(tls),
            "locations": locations,
            "redirect_from": (!from.is_empty()).then(|| from.join(" ")),
            "origin": origin,
        }));
        let template = self.template.as_ref().map_or("nginx.conf.hbs", |path| &path.0);
        let mut file = |Sort { ipv6, http2_on }: Sort| -> Result<ManagedFile, Problem> {
            values.insert("ipv6".into(), ipv6.into());
            values.insert("http2_on".into(), http2_on.into());
            let content = cx.template(template, values.clone())?;
            Ok(ManagedFile::new(
                format!("/etc/nginx/sites-available/{name}"),
                content,
            ))
        };
        let [one, two, three, four] = Sort::ALL;
        let mut files = [file(one)?, file(two)?, file(three)?, file(four)?];
        let contents = files.each_ref().map(|file| file.content.clone());
        for file in &mut files {
            let others = contents.iter().filter(|content| **content != file.content);
            file.elsewhere = others.cloned().collect();
        }
        Ok(files)
    }
}

impl Declaration for Site {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        if let Some(certificate) = &self.certificate {
            cx.announce(Wanted {
                certificate: certificate.0.clone(),
                site: name.to_owned(),
            });
        }
        let own = self.own();
        let all = self.locations.values().map(|placed| &placed.value);
        for program in location::programs(all.chain([&own]), &self.upstreams) {
            let site = name.to_owned();
            cx.announce(HandsTo { program, site });
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let certificate = match &self.certificate {
            Some(wanted) => certificate::declared(&wanted.0, cx)?,
            None => None,
        };
        let locations = self.locations(name, cx)?;
        self.check(certificate.as_ref())?;
        self.refuse_circles(name, &locations, certificate.as_ref(), cx)?;
        let id = Id::new("nginx", name);
        cx.needs_unit("nginx.service", "nginx", id.as_str());
        cx.mends.insert("nginx".into(), MEND_INSTALLATION.concat());
        if locations.iter().any(|(_, location)| location.is_verified()) {
            cx.needs_package("ca-certificates", id.as_str());
        }
        let passwords = self.passwords(name, &locations, cx)?;
        let tls = certificate.is_some();
        let site = Served {
            id: id.clone(),
            name: name.to_owned(),
            files: self.files(name, &locations, certificate.as_ref(), tls, cx)?,
            replaces_default: self.replaces_default.as_ref().is_some_and(|flag| flag.0),
            certificate: certificate.as_ref().map(|issued| issued.id.clone()),
            passwords: passwords.clone(),
            unless: None,
        };
        if let Some(issued) = &certificate
            && let Some(webroot) = &issued.webroot
        {
            if !announced::has_directory(cx, webroot) && !cx.has(&Id::new("directory", webroot)) {
                Directory::default().render(webroot, cx)?;
            }
            cx.push(Served {
                id: certificate::challenge_id(name),
                name: name.to_owned(),
                files: self.files(name, &locations, certificate.as_ref(), false, cx)?,
                replaces_default: site.replaces_default,
                certificate: None,
                passwords,
                unless: Some(issued.clone()),
            });
        }
        cx.push(site);
        Ok(())
    }
}
