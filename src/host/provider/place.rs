//! Where a host is: a name or an address, or a provider's machine by its label.

use std::fmt;
use std::str::FromStr;

use super::named::NAMES;
use crate::host::target::{Target, TargetError};

/// What a person may type for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `[user@]host[:port]`.
    Host(Target),
    /// `[user@]PROVIDER:LABEL`: a machine that a provider knows the address of.
    Machine {
        /// The remote user, if one was given.
        user: Option<String>,
        /// [`super::Provider::name`].
        provider: &'static str,
        /// Its label, or its id.
        label: String,
    },
}

impl FromStr for Place {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) if !user.is_empty() => (Some(user.to_owned()), rest),
            _ => (None, text),
        };
        if let Some((name, label)) = rest.split_once(':')
            && let Some(provider) = NAMES.into_iter().find(|known| *known == name)
            // Digits alone are a port of a host that is called so.
            && label.bytes().any(|byte| !byte.is_ascii_digit())
        {
            let label = label.to_owned();
            return Ok(Self::Machine {
                user,
                provider,
                label,
            });
        }
        text.parse().map(Self::Host)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(target) => write!(f, "{target}"),
            Self::Machine {
                user: Some(user),
                provider,
                label,
            } => write!(f, "{user}@{provider}:{label}"),
            Self::Machine {
                user: None,
                provider,
                label,
            } => write!(f, "{provider}:{label}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_told_from_a_port() {
        let machine = |text: &str| match text.parse() {
            Ok(Place::Machine {
                user,
                provider,
                label,
            }) => Some((user, provider, label)),
            _ => None,
        };
        assert_eq!(machine("vultr:mcp-1"), Some((None, "vultr", "mcp-1".into())));
        assert_eq!(
            machine("ann@vultr:1a"),
            Some((Some("ann".into()), "vultr", "1a".into()))
        );
        assert_eq!(machine("rehearsal:x"), Some((None, "rehearsal", "x".into())));
        for host in ["vultr", "vultr:22", "web:22", "root@203.0.113.7", "[::1]:22"] {
            assert_eq!(host.parse(), host.parse().map(Place::Host), "{host}");
        }
        for wrong in ["web:mcp-1", "vultr:", "@vultr:x"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
        for text in ["vultr:mcp-1", "ann@vultr:mcp-1", "root@web:22"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }
}
