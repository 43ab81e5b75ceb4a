//! Where the programs come from that a playbook installs, and the scalars that say so.

use super::scalar::scalar;

/// Where a binary's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// cargo builds it from what stands here.
    Cargo(Package),
    /// It is there already, at this path relative to the playbook.
    File(String),
    /// It is fetched.
    Url {
        /// From where.
        url: String,
        /// The SHA-256 of what comes, in hex.
        sha256: String,
    },
    /// cargo builds it from a revision of a git repository.
    Git {
        /// A URL, or the path of a repository of this machine, relative to the playbook.
        repo: String,
        /// A branch, a tag or a hash.
        rev: String,
        /// What of it is built; its directory is relative to the repository's top.
        package: Package,
    },
}

/// A program of a cargo package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Relative to the playbook, or to where the package comes from.
    pub directory: String,
    /// The cargo target's name.
    pub bin: String,
    /// The platform it is built for; this machine's unless given.
    pub target: Option<Platform>,
}

/// A program that a playbook installs: what must be done to have its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it comes from.
    pub origin: Origin,
    /// Which member of the archive it is, if what comes is one.
    pub member: Option<String>,
    /// What else of the archive or the revision is wanted: paths there.
    pub beside: Vec<String>,
}

/// Whether git reaches a repository of this name elsewhere: by a URL, or as `user@host:path` (git-clone(1), "GIT URLS").
pub fn is_remote(repo: &str) -> bool {
    let before = |mark| repo.split_once(mark).map(|(before, _)| before);
    repo.contains("://") || before(":").is_some_and(|host| !host.contains('/'))
}

scalar! {
    /// The platform that cargo builds for, a target of Rust's: `x86_64-unknown-linux-musl`, `aarch64-unknown-linux-gnu`.
    /// One of glibc may end with the oldest version that shall do: `x86_64-unknown-linux-gnu.2.31`.
    Platform(String), "^[A-Za-z0-9_]+-([A-Za-z0-9_]+-)?linux-[A-Za-z0-9_]+(\\.[0-9]+\\.[0-9]+)?$", |text| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        let (triple, glibc) = text.split_once('.').map_or((text, None), |(triple, glibc)| (triple, Some(glibc)));
        let is_version = |glibc: &str| {
            let parts = glibc.split_once('.');
            parts.is_some_and(|(major, minor)| major.parse::<u16>().is_ok() && minor.parse::<u16>().is_ok())
        };
        let parts: Vec<&str> = triple.split('-').collect();
        let is_linux = matches!(parts[..], [arch, "linux", libc] | [arch, _, "linux", libc] if !arch.is_empty() && !libc.is_empty());
        match glibc {
            _ if !plain || !is_linux => Err(format!("`{text}` is no target of Rust's for Linux, which hosts run: write `x86_64-unknown-linux-musl`")),
            Some(glibc) if !triple.contains("-linux-gnu") || !is_version(glibc) => {
                Err(format!("`{text}` ends with no version of glibc: write `x86_64-unknown-linux-gnu.2.31`"))
            }
            _ => Ok(text.to_owned()),
        }
    }
}

impl Platform {
    /// Rust's own name of it.
    pub fn triple(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The oldest glibc that shall do.
    pub fn glibc(&self) -> Option<&str> {
        Some(self.0.split_once('.')?.1)
    }

    /// The machine, as Rust calls it.
    pub fn machine(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

scalar! {
    /// A SHA-256: 64 hexadecimal digits, as `sha256sum` prints them.
    Sha256(String), "^[0-9A-Fa-f]{64}$", |text| {
        match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(text.to_ascii_lowercase()),
            false => Err(format!("`{text}` is not a SHA-256: 64 hexadecimal digits, as `sha256sum FILE` prints them")),
        }
    }
}
scalar! {
    /// The URL of a file: `https://example.com/tool-1.2.tar.gz`.
    FileUrl(String), "^https?://[^\\s/]+/", |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let whole = rest.and_then(|rest| rest.split_once('/')).is_some_and(|(host, _)| !host.is_empty());
        match whole && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not the URL of a file: write `https://example.com/tool.tar.gz`")),
        }
    }
}
scalar! {
    /// A path below the top of an archive or a repository: `tool-1.2/bin/tool`.
    InnerPath(String), "", |text| {
        let trimmed = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        let odd = |part: &str| part.is_empty() || part == ".." || part == "." || part.contains(char::is_control);
        match text.starts_with('/') || trimmed.split('/').any(odd) {
            true => Err(format!("`{text}` is not a path below the top: write `tool-1.2/bin/tool`")),
            false => Ok(trimmed.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_those_of_linux() {
        for (text, triple, glibc, machine) in [
            (
                "x86_64-unknown-linux-musl",
                "x86_64-unknown-linux-musl",
                None,
                "x86_64",
            ),
            (
                "aarch64-unknown-linux-gnu.2.31",
                "aarch64-unknown-linux-gnu",
                Some("2.31"),
                "aarch64",
            ),
            (
                "armv7-unknown-linux-gnueabihf.2.17",
                "armv7-unknown-linux-gnueabihf",
                Some("2.17"),
                "armv7",
            ),
        ] {
            let platform: Platform = text.parse().expect(text);
            let read = (platform.triple(), platform.glibc(), platform.machine());
            assert_eq!(read, (triple, glibc, machine));
        }
        for text in [
            "x86_64-apple-darwin",
            "x86_64-unknown-linux-musl.2.31",
            "x86_64-unknown-linux-gnu.2",
            "x86_64-unknown-linux-gnu.2.x",
            "x86_64-linux",
            "linux-gnu",
            "--help-unknown-linux-gnu",
            "x86 64-unknown-linux-gnu",
            "",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_repository_is_reached_elsewhere_or_stands_here() {
        for repo in [
            "https://example.com/a.git",
            "ssh://git@example.com/a",
            "git@example.com:a/b",
            "example.com:a",
        ] {
            assert!(is_remote(repo), "{repo}");
        }
        for repo in [".", "..", "../a", "/srv/a.git", "./a:b", "a/b:c"] {
            assert!(!is_remote(repo), "{repo}");
        }
    }

    #[test]
    fn what_names_files_elsewhere_is_read_strictly() {
        assert_eq!("./a/b/".parse::<InnerPath>().map(|path| path.0), Ok("a/b".into()));
        for text in ["", "/a", "../a", "a/../b", "a//b", "."] {
            assert!(text.parse::<InnerPath>().is_err(), "{text}");
        }
        assert_eq!(
            "AB".repeat(32).parse::<Sha256>().map(|sum| sum.0),
            Ok("ab".repeat(32))
        );
        assert!("ab".parse::<Sha256>().is_err() && "xy".repeat(32).parse::<Sha256>().is_err());
        assert!("https://example.com/a".parse::<FileUrl>().is_ok());
        for text in [
            "ftp://example.com/a",
            "https://example.com",
            "https:///a",
            "https://example.com/a b",
        ] {
            assert!(text.parse::<FileUrl>().is_err(), "{text}");
        }
    }
}
