//! nginx sites: tested before they are live, put back when the test fails, reloaded and never restarted.
//!
//! A site with a certificate that is not there yet is put in place twice: first over HTTP, so that the
//! authority's challenge finds its webroot, then with TLS and the redirect.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::certbot::Issued;
use super::certificate::{self, Wanted};
use super::directory::Directory;
use super::renewal;
use crate::change::{Action, Change, Id, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Address, Domain, Duration, Flag, Line, LocalPath, Name, Port, optional};
use crate::language::template::object;
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced;
use crate::managed::file::ManagedFile;

/// A site that hands its requests on to a program.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Where requests go: `127.0.0.1:8080`.
    pub proxy: Address,
    /// The names that it answers to; those of its certificate, or any, unless given. With a certificate,
    /// HTTP redirects to the first.
    #[serde(default)]
    pub names: Vec<Domain>,
    /// The port for HTTP; 80 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub listen: Option<Port>,
    /// Whether it takes the place of the distribution's default site.
    #[serde(default, deserialize_with = "optional")]
    pub replaces_default: Option<Flag>,
    /// The certificate (an entry of `certificates`) for HTTPS. HTTP redirects then.
    #[serde(default, deserialize_with = "optional")]
    pub certificate: Option<Name>,
    /// How long to wait for the program: to connect, to send, to read; 60 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub timeout: Option<Duration>,
    /// The largest request body: `1m` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub max_body: Option<Line>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
}

impl Site {
    /// The site for a host with IPv6, and for one without.
    fn files(
        &self,
        name: &str,
        certificate: Option<&Issued>,
        tls: bool,
        cx: &Render<'_>,
    ) -> Result<[ManagedFile; 2], Problem> {
        let mut names: Vec<&str> = self.names.iter().map(|name| name.0.as_str()).collect();
        if names.is_empty() {
            names = certificate.map_or(vec!["_"], |issued| {
                issued.domains.iter().map(String::as_str).collect()
            });
        }
        let mut values = object(json!({
            "name": name,
            "names": names.join(" "),
            "listen": self.listen.as_ref().map_or(80, |port| port.0),
            "default_server": self.replaces_default.as_ref().is_some_and(|flag| flag.0),
            "proxy": self.proxy.0,
            "timeout": self.timeout.as_ref().map_or(60, |time| time.0),
            "max_body": self.max_body.as_ref().map_or("1m", |size| &size.0),
            "webroot": certificate.map(|issued| &issued.webroot),
            "certificate": certificate.filter(|_| tls).map(Issued::directory),
        }));
        let template = self.template.as_ref().map_or("nginx.conf.hbs", |path| &path.0);
        let mut file = |ipv6: bool| -> Result<ManagedFile, Problem> {
            values.insert("ipv6".into(), ipv6.into());
            let content = cx.template(template, values.clone())?;
            Ok(ManagedFile::new(
                format!("/etc/nginx/sites-available/{name}"),
                content,
            ))
        };
        let [mut ipv6, mut ipv4] = [file(true)?, file(false)?];
        ipv6.elsewhere = Some(ipv4.content.clone());
        ipv4.elsewhere = Some(ipv6.content.clone());
        Ok([ipv6, ipv4])
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
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let certificate = match &self.certificate {
            Some(wanted) => certificate::declared(&wanted.0, cx)?,
            None => None,
        };
        let id = Id::new("nginx", name);
        cx.needs_unit("nginx.service", "nginx", id.as_str());
        cx.mends.insert("nginx".into(), MEND_INSTALLATION.concat());
        let site = Served {
            id: id.clone(),
            name: name.to_owned(),
            files: self.files(name, certificate.as_ref(), certificate.is_some(), cx)?,
            replaces_default: self.replaces_default.as_ref().is_some_and(|flag| flag.0),
            certificate: certificate.as_ref().map(|issued| issued.id.clone()),
            unless: None,
        };
        if let Some(issued) = &certificate {
            if !announced::has_directory(cx, &issued.webroot)
                && !cx.has(&Id::new("directory", &issued.webroot))
            {
                Directory::default().render(&issued.webroot, cx)?;
            }
            cx.push(Served {
                id: certificate::challenge_id(name),
                name: name.to_owned(),
                files: self.files(name, certificate.as_ref(), false, cx)?,
                replaces_default: site.replaces_default,
                certificate: None,
                unless: Some(issued.clone()),
            });
        }
        cx.push(site);
        Ok(())
    }
}

const MAIN: &str = "/etc/nginx/nginx.conf";

const HOST: &str = include_str!("nginx_host.sh");

/// What the sites depend on: whether there is IPv6, and what nginx's main file includes.
const ASK: [&str; 2] = [
    HOST,
    "nginx_over_ipv6 || echo no-ipv6\nsed -n 's/^[[:space:]]*include[[:space:]].*/&/p' /etc/nginx/nginx.conf",
];

/// nginx starts with its default site when it is installed, and the installation fails where that cannot listen.
const MEND_INSTALLATION: [&str; 2] = [HOST, include_str!("nginx_mend.sh")];

/// A directory of sites that nginx's main file includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Debian's: `sites-enabled/*`.
    Sites,
    /// nginx.org's: `conf.d/*.conf`.
    Conf,
}

impl Layout {
    /// That of a main file with this text; none if it includes no sites at all.
    fn of(main: &str) -> Option<Self> {
        let included = main.lines().filter_map(|line| {
            let pattern = line.trim().strip_prefix("include")?.split(';').next()?.trim();
            let pattern = pattern.trim_matches(['"', '\'']);
            Some(pattern.strip_prefix("/etc/nginx/").unwrap_or(pattern))
        });
        let included: Vec<&str> = included.collect();
        let has = |patterns: &[&str]| patterns.iter().any(|pattern| included.contains(pattern));
        // Others may include what they like: nginx itself tells then whether it reads the site.
        let known = |pattern: &&str| {
            *pattern == "mime.types"
                || pattern.starts_with("modules-enabled/")
                || pattern.starts_with("/usr/share/")
        };
        if has(&["sites-enabled/*", "sites-enabled/*.*"]) {
            Some(Self::Sites)
        } else if has(&["conf.d/*.conf", "conf.d/*"]) {
            Some(Self::Conf)
        } else {
            (!included.iter().all(known)).then_some(Self::Sites)
        }
    }

    /// Where a site of this name is found.
    fn link(self, name: &str) -> String {
        match self {
            Self::Sites => format!("/etc/nginx/sites-enabled/{name}"),
            Self::Conf => format!("/etc/nginx/conf.d/{name}.conf"),
        }
    }

    /// The site that nginx brings along when it is installed.
    fn default_site(self) -> String {
        self.link("default")
    }

    /// The other one.
    fn other(self) -> Self {
        match self {
            Self::Sites => Self::Conf,
            Self::Conf => Self::Sites,
        }
    }
}

#[derive(Debug)]
struct Served {
    id: Id,
    name: String,
    /// For a host with IPv6, and for one without.
    files: [ManagedFile; 2],
    replaces_default: bool,
    /// The certificate that must be there first.
    certificate: Option<Id>,
    /// A certificate that makes this site needless: the site for the challenge gives way to the one with TLS.
    unless: Option<Issued>,
}

impl Served {
    fn path(&self) -> &str {
        &self.files[0].path
    }

    /// Where nginx reads its sites on this host, or will when this playbook has put its main file in place.
    fn layout(&self, cx: &Context<'_>) -> Result<Layout, Refusal> {
        let asked = cx.facts.output("nginx.host");
        let main = cx.content(MAIN).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let main = main.unwrap_or(asked);
        if !main.contains("include") && cx.facts.path(MAIN).is_none() && cx.content(MAIN).is_none() {
            return Ok(Layout::Sites);
        }
        Layout::of(main).ok_or_else(|| Refusal {
            id: self.id.clone(),
            cause: format!("nginx would not read the site: {MAIN} includes no directory of sites"),
            mend: format!("add `include /etc/nginx/sites-enabled/*;` to `http` in {MAIN}"),
        })
    }
}

impl Resource for Served {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        // The site for the challenge does not provide what the final one does.
        if self.unless.is_some() {
            Vec::new()
        } else {
            vec![Ref::Path(self.path().to_owned())]
        }
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = vec![Ref::Package("nginx".into()), Ref::Id(Id::new("systemd", "nginx"))];
        needs.extend(self.certificate.clone().map(Ref::Id));
        needs
    }

    /// The site for the challenge is needless most of the time.
    fn version(&self) -> Option<String> {
        let [ipv6, ipv4] = &self.files;
        let both = format!("{}{}", ipv6.content.sha256, ipv4.content.sha256);
        self.unless.is_none().then(|| sha256(both.as_bytes()))
    }

    fn paths(&self) -> Vec<&str> {
        vec![self.path()]
    }

    /// A host without IPv6 gets less, and nobody can be in the way of the rest there.
    fn texts(&self) -> Vec<(String, &[u8])> {
        let bytes = &*self.files[0].content.bytes;
        vec![(Layout::Sites.link(&self.name), bytes)]
    }

    fn remains(&self) -> Remains {
        let links = [Layout::Sites, Layout::Conf].map(|layout| layout.link(&self.name));
        let mut remains = Remains {
            paths: links.into_iter().chain([self.path().to_owned()]).collect(),
            ..Remains::default()
        };
        if self.replaces_default {
            let path = Layout::Sites.default_site();
            remains
                .displaced
                .insert(path, "/etc/nginx/sites-available/default".into());
        }
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        self.files[0].ask(questions);
        for layout in [Layout::Sites, Layout::Conf] {
            questions.path(&layout.link(&self.name));
            questions.path(&layout.default_site());
        }
        questions.path(MAIN);
        questions.script("nginx.host", ASK.concat());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        if self
            .unless
            .as_ref()
            .is_some_and(|issued| renewal::is_there(issued, cx.facts))
        {
            return Ok(Vec::new());
        }
        let layout = self.layout(cx)?;
        let without_ipv6 = cx.facts.output("nginx.host").starts_with("no-ipv6");
        let file = &self.files[usize::from(without_ipv6)];
        let mut change = file.change(cx, &self.id);
        let mut written = file.diff_into(cx, &mut change)?;
        let challenge = Ref::Id(certificate::challenge_id(&self.name));
        if !written && self.certificate.is_some() && cx.changes(&challenge) {
            change = change.note("in place of the site for the challenge");
            change.actions.push(file.write());
            written = true;
        }
        if written && without_ipv6 {
            change = change.note("over IPv4 alone: nginx has no IPv6 on this host");
        }
        let link = layout.link(&self.name);
        let target = format!("../sites-available/{}", self.name);
        let linked = |path: &str| {
            let fact = cx.facts.path(path);
            fact.is_some_and(|fact| fact.target == target || fact.target == self.path())
        };
        if !linked(&link) {
            change = change.note(format!("{link} → {target}"));
            let target = target.clone();
            change.actions.push(Action::Link { path: link, target });
        }
        let mut gone = Vec::new();
        // nginx brings its default site along when it is installed.
        let default = layout.default_site();
        if self.replaces_default && (cx.facts.path(&default).is_some() || cx.installs("nginx")) {
            gone.push(default);
        }
        // From when nginx read its sites elsewhere.
        gone.extend(Some(layout.other().link(&self.name)).filter(|path| linked(path)));
        for path in gone {
            change = change.note(format!("removes {path}"));
            change.actions.push(Action::Remove { path, secret: false });
        }
        if change.actions.is_empty() {
            return Ok(Vec::new());
        }
        if !written {
            change.summary = format!("enable the site {}", self.name);
        }
        Ok(vec![change])
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn where_nginx_reads_its_sites() {
        let debian = "  include /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n";
        assert_eq!(Layout::of(debian), Some(Layout::Sites));
        for nginx_org in [
            "include /etc/nginx/conf.d/*.conf;",
            " include mime.types;\n include \"conf.d/*.conf\"; # all",
        ] {
            assert_eq!(Layout::of(nginx_org), Some(Layout::Conf), "{nginx_org}");
        }
        let none = "include /etc/nginx/mime.types;\n# include /etc/nginx/conf.d/*.conf;\n";
        assert_eq!(Layout::of(none), None);
        assert_eq!(Layout::of("include /srv/sites/*.conf;"), Some(Layout::Sites));
    }
}
