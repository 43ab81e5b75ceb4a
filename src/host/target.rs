//! Where a host is: the `[user@]host[:port]` of the command line.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The `[user@]host[:port]` a person typed. What is missing comes from the SSH configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The remote user, if one was given.
    pub user: Option<String>,
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The TCP port, if one was given.
    pub port: Option<u16>,
}

/// Why a text is not a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[allow(
    missing_docs,
    reason = "the message says what each means; the field is the text as typed"
)]
pub enum TargetError {
    #[error("`{0}` names no host")]
    #[diagnostic(help("write [user@]host[:port], for example root@203.0.113.7"))]
    NoHost(String),
    #[error("`{0}` has an empty user before the @")]
    #[diagnostic(help("write user@host, or the host alone"))]
    NoUser(String),
    #[error("`{0}` is not a port in `{1}`")]
    #[diagnostic(help("a port is a number from 1 to 65535"))]
    Port(String, String),
    #[error("`{0}` has more than one colon but is not an IPv6 address")]
    #[diagnostic(help("write host:port, or an IPv6 address as [::1]:22"))]
    Colons(String),
    #[error("`{0}` has brackets that hold no IPv6 address")]
    #[diagnostic(help("brackets are for IPv6 addresses: [::1] or [::1]:22"))]
    Brackets(String),
    #[error("`{0}` has a character that no host or user name has")]
    #[diagnostic(help("write [user@]host[:port] without spaces, quotes or slashes"))]
    Character(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = || text.to_owned();
        // A user may hold an @ (a mail address as a login); a host cannot.
        let (user, rest) = match text.rsplit_once('@') {
            Some(("", _)) => return Err(TargetError::NoUser(whole())),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
            let (host, after) = inner
                .split_once(']')
                .ok_or_else(|| TargetError::Brackets(whole()))?;
            if !is_ipv6(host) {
                return Err(TargetError::Brackets(whole()));
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(TargetError::Brackets(whole())),
            }
        } else if is_ipv6(rest) {
            (rest, None)
        } else {
            match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(TargetError::Colons(whole())),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        if host.is_empty() {
            return Err(TargetError::NoHost(whole()));
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/\\'\"`$;&|<>(){}".contains(c);
        if host.starts_with('-') || host.contains(odd) || user.as_deref().is_some_and(|u| u.contains(odd)) {
            return Err(TargetError::Character(whole()));
        }
        let port = match port {
            Some(port) => match port.parse::<u16>() {
                Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Some(number),
                _ => return Err(TargetError::Port(port.to_owned(), whole())),
            },
            None => None,
        };
        Ok(Target {
            user,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// An IPv6 address, with or without a zone (`fe80::1%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (Option<String>, String, Option<u16>) {
        let target: Target = text.parse().unwrap();
        (target.user, target.host, target.port)
    }

    #[test]
    fn every_form_is_read() {
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(parsed("web"), (None, "web".into(), None));
        assert_eq!(parsed("root@web:2222"), (some("root"), "web".into(), Some(2222)));
        assert_eq!(parsed("a@b.org@web"), (some("a@b.org"), "web".into(), None));
        assert_eq!(parsed("[::1]:22"), (None, "::1".into(), Some(22)));
        assert_eq!(
            parsed("root@[fe80::1%eth0]"),
            (some("root"), "fe80::1%eth0".into(), None)
        );
        assert_eq!(parsed("::1"), (None, "::1".into(), None));
        assert_eq!(parsed("203.0.113.7:1"), (None, "203.0.113.7".into(), Some(1)));
    }

    #[test]
    fn every_mistake_says_what_it_is() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        assert_eq!(error(""), TargetError::NoHost("".into()));
        assert_eq!(error("root@:22"), TargetError::NoHost("root@:22".into()));
        assert_eq!(error("@web"), TargetError::NoUser("@web".into()));
        for port in ["0", "65536", "+22", "", "ssh"] {
            let text = format!("web:{port}");
            assert_eq!(error(&text), TargetError::Port(port.into(), text));
        }
        assert_eq!(error("web:22:22"), TargetError::Colons("web:22:22".into()));
        assert_eq!(error("[web]:22"), TargetError::Brackets("[web]:22".into()));
        assert_eq!(error("[::1]22"), TargetError::Brackets("[::1]22".into()));
        assert_eq!(error("[::1"), TargetError::Brackets("[::1".into()));
        for text in ["-oProxyCommand", "we b", "a$b@web", "ssh://web", "web\n"] {
            assert!(error(text).to_string().contains(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn display_reads_back(
            user in proptest::option::of("[a-z_][a-z0-9_.-]{0,12}"),
            host in prop_oneof![
                "[a-z0-9][a-z0-9.-]{0,20}",
                any::<[u8; 16]>().prop_map(|b| Ipv6Addr::from(b).to_string()),
            ],
            port in proptest::option::of(1u16..),
        ) {
            let target = Target { user, host, port };
            prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Target>();
        }
    }
}
