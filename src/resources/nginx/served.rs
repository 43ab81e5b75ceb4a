//! What a host has of a site: its file, the link by which nginx reads it, and the default site that it replaces.

use crate::change::{Action, Change, Id, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::managed::file::ManagedFile;
use crate::resources::certbot::Issued;
use crate::resources::{certificate, renewal};

const MAIN: &str = "/etc/nginx/nginx.conf";

const HOST: &str = include_str!("host.sh");

/// What the sites depend on: whether there is IPv6, and what nginx's main file includes.
const ASK: [&str; 2] = [
    HOST,
    "nginx_over_ipv6 || echo no-ipv6\nsed -n 's/^[[:space:]]*include[[:space:]].*/&/p' /etc/nginx/nginx.conf",
];

/// nginx starts with its default site when it is installed, and the installation fails where that cannot listen.
pub(super) const MEND_INSTALLATION: [&str; 2] = [HOST, include_str!("mend.sh")];

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

/// A site on a host.
#[derive(Debug)]
pub(super) struct Served {
    pub id: Id,
    pub name: String,
    /// For a host with IPv6, and for one without.
    pub files: [ManagedFile; 2],
    pub replaces_default: bool,
    /// The certificate that must be there first.
    pub certificate: Option<Id>,
    /// The files of passwords that it reads.
    pub passwords: Vec<String>,
    /// A certificate that makes this site needless: the site for the challenge gives way to the one with TLS.
    pub unless: Option<Issued>,
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
        needs.extend(self.passwords.iter().cloned().map(Ref::Path));
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
