//! What a host has of a site: its file, the link by which nginx reads it, and the default site that it replaces.

use crate::change::{Action, Change, Id, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, Questions, Remains};
use crate::managed::file::ManagedFile;
use crate::resources::certbot::Issued;
use crate::resources::{apt, certificate, renewal};

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

/// What a site's text depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    /// Whether nginx can listen over IPv6.
    pub ipv6: bool,
    /// Whether HTTP/2 is a directive of its own (`http2 on`), and no word of `listen` any more: from 1.25.1 on
    /// (nginx's CHANGES).
    pub http2_on: bool,
}

impl Sort {
    /// All of them, in the order of [`Served::files`].
    pub const ALL: [Self; 4] = [
        Self {
            ipv6: true,
            http2_on: false,
        },
        Self {
            ipv6: false,
            http2_on: false,
        },
        Self {
            ipv6: true,
            http2_on: true,
        },
        Self {
            ipv6: false,
            http2_on: true,
        },
    ];

    /// That of a host.
    fn of(facts: &Facts) -> Self {
        let version = apt::version(facts, "nginx").and_then(version);
        Self {
            ipv6: !facts.output("nginx.host").starts_with("no-ipv6"),
            // Where the package index says nothing yet, the release does.
            http2_on: version.map_or_else(
                || is_recent(&facts.system.release),
                |version| version >= [1, 25, 1],
            ),
        }
    }

    fn index(self) -> usize {
        usize::from(!self.ipv6) + 2 * usize::from(self.http2_on)
    }
}

/// The version of nginx in that of its package: `1.26.3-3+deb13u1`.
fn version(package: &str) -> Option<[u32; 3]> {
    let upstream = package.split_once(':').map_or(package, |(_, rest)| rest);
    let mut numbers = upstream
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().ok());
    Some([
        numbers.next()??,
        numbers.next()??,
        numbers.next().flatten().unwrap_or(0),
    ])
}

/// Whether this release of a distribution has such an nginx: Debian 13 and Ubuntu 25.04 came with 1.26.
fn is_recent(release: &str) -> bool {
    let number = |name: &str| {
        release
            .strip_prefix(name)?
            .split([' ', '.'])
            .next()?
            .parse::<u32>()
            .ok()
    };
    number("Debian GNU/Linux ").is_some_and(|number| number >= 13)
        || number("Ubuntu ").is_some_and(|number| number >= 25)
}

/// A site on a host.
#[derive(Debug)]
pub(super) struct Served {
    pub id: Id,
    pub name: String,
    /// For each sort of host.
    pub files: [ManagedFile; 4],
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
        let mut all: Vec<&str> = self.files.iter().map(|file| &*file.content.sha256).collect();
        // Where HTTP/2 is not spoken of.
        if all[..2] == all[2..] {
            all.truncate(2);
        }
        self.unless.is_none().then(|| sha256(all.concat().as_bytes()))
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
        questions.package("nginx");
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
        let sort = Sort::of(cx.facts);
        let file = &self.files[sort.index()];
        let mut change = file.change(cx, &self.id);
        let mut written = file.diff_into(cx, &mut change)?;
        let challenge = Ref::Id(certificate::challenge_id(&self.name));
        if !written && self.certificate.is_some() && cx.changes(&challenge) {
            change = change.note("in place of the site for the challenge");
            change.actions.push(file.write());
            written = true;
        }
        if written && !sort.ipv6 {
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
    use super::{Layout, Sort, is_recent, version};

    #[test]
    fn sorts_of_hosts_have_their_places() {
        for (index, sort) in Sort::ALL.into_iter().enumerate() {
            assert_eq!(sort.index(), index);
        }
    }

    #[test]
    fn how_http2_is_spelled_follows_from_the_version() {
        for (package, is_new) in [
            ("1.22.1-9+deb12u3", false),
            ("1.25.0-1~bookworm", false),
            ("1.25.1-1~bookworm", true),
            ("1.26.3-3+deb13u1", true),
            ("1.29", true),
            ("2:1.18.0-0ubuntu1.7", false),
        ] {
            assert_eq!(
                version(package).map(|version| version >= [1, 25, 1]),
                Some(is_new),
                "{package}"
            );
        }
        assert_eq!((version(""), version("latest")), (None, None));
        for (release, is_new) in [
            ("Debian GNU/Linux 12 (bookworm)", false),
            ("Debian GNU/Linux 13 (trixie)", true),
            ("Ubuntu 24.04.3 LTS", false),
            ("Ubuntu 26.04 LTS", true),
            ("Debian GNU/Linux forky/sid", false),
        ] {
            assert_eq!(is_recent(release), is_new, "{release}");
        }
    }

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
