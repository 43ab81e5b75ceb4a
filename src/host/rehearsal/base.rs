//! Where this machine's packages come from, so that its throwaway hosts' do too.

use std::fs;
use std::path::{Path, PathBuf};

use super::command::{program, run};
use super::error::RehearsalError;

/// The keyrings that every image of the distribution has itself; an entry signed by another
/// key is a third party's.
const KEYRINGS: [&str; 4] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    "/usr/share/keyrings/ubuntu-archive-keyring.pgp",
];

/// Which release a host runs and where its packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    suite: String,
    sources: Vec<Source>,
    /// Lines of apt.conf.
    proxies: Vec<String>,
}

impl Base {
    /// The release and the archives of this machine, with its updates and security suites.
    ///
    /// # Errors
    /// When this machine's apt sources name no archive for its release.
    pub fn of_this_machine() -> Result<Self, RehearsalError> {
        let path = "/etc/os-release";
        let release = fs::read_to_string(path).map_err(RehearsalError::io("read", path))?;
        let value = |key: &str| {
            let line = release
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let suite = value("VERSION_CODENAME");
        let mut sources = Vec::new();
        for file in source_files() {
            let text = fs::read_to_string(&file).map_err(RehearsalError::io("read", &file))?;
            let deb822 = file.extension().is_some_and(|extension| extension == "sources");
            sources.extend(if deb822 {
                parse_deb822(&text)
            } else {
                parse_lines(&text)
            });
        }
        let mut sources: Vec<_> = sources
            .into_iter()
            .filter_map(|source| source.of_archive(&suite))
            .collect();
        for uri in sources.iter_mut().flat_map(|source| &mut source.uris) {
            *uri = resolve_mirror_list(uri);
        }
        if sources.is_empty() {
            return Err(RehearsalError::NoArchive { suite });
        }
        Ok(Self {
            suite,
            sources,
            proxies: proxies()?,
        })
    }

    /// Another release from the same archives.
    #[must_use]
    pub fn with_suite(mut self, suite: &str) -> Self {
        for name in self.sources.iter_mut().flat_map(|source| &mut source.suites) {
            *name = name.replacen(&self.suite, suite, 1);
        }
        suite.clone_into(&mut self.suite);
        self
    }

    /// The same release from another mirror; the security suite keeps its own.
    #[must_use]
    pub fn with_mirror(mut self, mirror: &str) -> Self {
        if let Some(source) = self.sources.first_mut() {
            source.uris = vec![mirror.to_owned()];
        }
        self
    }

    /// The release's code name, `bookworm`.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// The archive of the release itself.
    #[must_use]
    pub fn mirror(&self) -> &str {
        let is_main = |source: &&Source| source.suites.contains(&self.suite);
        let source = self.sources.iter().find(is_main).or(self.sources.first());
        source
            .and_then(|source| source.uris.first())
            .map_or("", String::as_str)
    }

    /// The contents of a `.sources` file for it.
    pub(super) fn deb822(&self) -> String {
        self.sources
            .iter()
            .map(Source::deb822)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The contents of an apt.conf file with this machine's proxies; empty if it has none.
    pub(super) fn apt_conf(&self) -> String {
        self.proxies.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// One entry of apt's sources (sources.list(5)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// Those of [`OPTIONS`] that are set, by their deb822 names.
    options: Vec<(&'static str, String)>,
}

/// The options that are carried over.
const OPTIONS: [&str; 3] = ["Signed-By", "Trusted", "Check-Valid-Until"];

impl Source {
    /// The part of it that is the distribution's own archive for `codename`, if any.
    fn of_archive(mut self, codename: &str) -> Option<Self> {
        let own = ["", "-updates", "-security", "-backports"].map(|pocket| format!("{codename}{pocket}"));
        self.suites.retain(|suite| own.contains(suite));
        let signed_by = self.options.iter().find(|(name, _)| *name == "Signed-By");
        let trusted_key = signed_by.is_none_or(|(_, key)| KEYRINGS.contains(&key.as_str()));
        let has_main = self.components.iter().any(|component| component == "main");
        (!codename.is_empty() && !self.uris.is_empty() && !self.suites.is_empty() && trusted_key && has_main)
            .then_some(self)
    }

    fn deb822(&self) -> String {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\n",
            self.uris.join(" "),
            self.suites.join(" "),
            self.components.join(" ")
        );
        for (name, value) in &self.options {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }
}

fn parse_deb822(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .split(|line| line.trim().is_empty())
        .filter_map(parse_stanza)
        .collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':')?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.as_str())
    };
    let words = |name| {
        field(name)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let enabled = !matches!(field("Enabled"), "no" | "false" | "0");
    (enabled && words("Types").iter().any(|kind| kind == "deb")).then(|| Source {
        uris: words("URIs"),
        suites: words("Suites"),
        components: words("Components"),
        options: OPTIONS
            .into_iter()
            .filter(|name| !field(name).is_empty())
            .map(|name| (name, field(name).to_owned()))
            .collect(),
    })
}

fn parse_lines(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| parse_line(line.split('#').next()?))
        .collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim();
    let (given, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let given: Vec<_> = given
        .split_whitespace()
        .filter_map(|option| option.split_once('='))
        .collect();
    let value = |name: &str| given.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        options: OPTIONS
            .into_iter()
            .filter_map(|name| value(name).map(|(_, value)| (name, (*value).to_owned())))
            .collect(),
    })
}

/// sources.list and what lies in sources.list.d, in apt's order.
fn source_files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "list" || extension == "sources")
        })
        .collect();
    files.sort();
    let main = Path::new("/etc/apt/sources.list");
    if main.exists() {
        files.insert(0, main.to_owned());
    }
    files
}

/// The first archive of a `mirror+file:` list (apt-transport-mirror(1)); a list lies on this
/// machine and not on the host.
fn resolve_mirror_list(uri: &str) -> String {
    let first = || {
        let path = uri.strip_prefix("mirror+file:")?;
        let text = fs::read_to_string(format!("/{}", path.trim_start_matches('/'))).ok()?;
        let line = text.lines().find(|line| line.starts_with("http"))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    first().unwrap_or_else(|| uri.to_owned())
}

/// The lines of apt's configuration that set a proxy.
fn proxies() -> Result<Vec<String>, RehearsalError> {
    let dump = run(
        program("apt-config").args(["dump", "Acquire"]),
        "see that apt works on this machine",
    )?;
    Ok(dump
        .lines()
        .filter(|line| sets_proxy(line))
        .map(str::to_owned)
        .collect())
}

fn sets_proxy(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(key, value)| {
        key.split("::").any(|word| word.eq_ignore_ascii_case("proxy")) && value != "\"\";"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deb822_entries_are_read() {
        let text = "# A comment\nTypes: deb deb-src\n# inside\nURIs: http://a.example/debian\n\
                    Suites: bookworm bookworm-updates\n trixie\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://b.example\nSuites: bookworm\nComponents: main\n";
        let [source] = &parse_deb822(text)[..] else {
            panic!("one entry is enabled")
        };
        assert_eq!(source.suites, ["bookworm", "bookworm-updates", "trixie"]);
        let archive = source.clone().of_archive("bookworm").unwrap();
        assert_eq!(
            archive.deb822(),
            "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\n\
             Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        );
    }

    #[test]
    fn one_line_entries_are_read() {
        let text = "deb http://a.example/ubuntu noble main universe # comment\n#deb http://x.example noble main\n\
                    deb-src http://a.example/ubuntu noble main\n\
                    deb [arch=amd64 trusted=yes] http://b.example/ubuntu noble-security main\n";
        let [first, second] = &parse_lines(text)[..] else {
            panic!("two entries are binary")
        };
        assert_eq!(first.components, ["main", "universe"]);
        assert_eq!(second.options, [("Trusted", "yes".to_owned())]);
    }

    #[test]
    fn third_parties_are_left_out() {
        let archive = |line| parse_line(line).unwrap().of_archive("bookworm");
        assert!(archive("deb http://a.example/debian bookworm main").is_some());
        assert_eq!(archive("deb http://a.example bookworm stable"), None);
        assert_eq!(archive("deb http://a.example cloud-sdk-bookworm main"), None);
        assert_eq!(
            archive("deb [signed-by=/usr/share/keyrings/other.gpg] http://a.example bookworm main"),
            None
        );
    }

    #[test]
    fn another_suite_keeps_the_mirror() {
        let sources = parse_lines(
            "deb http://a.example/debian bookworm main\ndeb http://s.example bookworm-security main",
        );
        let base = Base {
            suite: "bookworm".to_owned(),
            sources,
            proxies: Vec::new(),
        }
        .with_suite("trixie");
        assert_eq!(
            (base.suite(), base.mirror()),
            ("trixie", "http://a.example/debian")
        );
        assert!(base.deb822().contains("Suites: trixie-security"));
    }

    #[test]
    fn proxies_are_told_from_other_settings() {
        assert!(sets_proxy("Acquire::http::Proxy \"http://p.example:3128\";"));
        assert!(sets_proxy("Acquire::https::proxy::a.example \"DIRECT\";"));
        assert!(!sets_proxy("Acquire::http::Proxy \"\";"));
        assert!(!sets_proxy("Acquire::http::Proxy-Auto-Detect \"/usr/bin/x\";"));
    }
}
