//! Target and `~/.ssh/config` together: the address, user and keys to use.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use ssh2_config::{HostParams, ParseRule, SshConfig};

use crate::host::target::Target;

/// The port of SSH (RFC 4253, section 4).
pub(super) const DEFAULT_PORT: u16 = 22;

/// What to connect to, once the configuration has been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The name or address to look up; also the name in known_hosts.
    pub host_name: String,
    pub port: u16,
    pub user: String,
    /// `IdentityFile`, in order; empty if the configuration names none.
    pub identities: Vec<PathBuf>,
}

/// Why the configuration cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ConfigProblem {
    /// It cannot be parsed; the text is the parser's.
    Unreadable(String),
    /// It sends this host through the named directive, which is not spoken here.
    Proxy(&'static str),
}

/// Fills what `target` leaves open from the text of the configuration; the target wins.
pub(super) fn resolve(
    target: &Target,
    config: &str,
    home: &Path,
    local_user: &str,
) -> Result<Resolved, ConfigProblem> {
    let rules = ParseRule::ALLOW_UNKNOWN_FIELDS | ParseRule::ALLOW_UNSUPPORTED_FIELDS;
    let params = SshConfig::default()
        .home_dir(home)
        .parse(&mut BufReader::new(without_match(config).as_bytes()), rules)
        .map_err(|error| ConfigProblem::Unreadable(error.to_string()))?
        .query(&target.host);
    if let Some(directive) = proxy(&params) {
        return Err(ConfigProblem::Proxy(directive));
    }
    let host_name = match &params.host_name {
        Some(name) => expand(name, &[('h', &target.host)]),
        None => target.host.clone(),
    };
    let user = target
        .user
        .clone()
        .or(params.user)
        .unwrap_or_else(|| local_user.to_owned());
    let home = home.to_string_lossy();
    let identities = params.identity_file.unwrap_or_default();
    let identities = identities
        .iter()
        .map(|path| {
            let tokens: [(char, &str); 4] =
                [('d', &home), ('h', &host_name), ('r', &user), ('u', local_user)];
            PathBuf::from(expand(&path.to_string_lossy(), &tokens))
        })
        .filter(|path| path != Path::new("none"))
        .collect();
    let port = target.port.or(params.port).unwrap_or(DEFAULT_PORT);
    Ok(Resolved {
        host_name,
        port,
        user,
        identities,
    })
}

/// The parser knows no `Match` and would add the lines below it to the `Host` above it.
/// `Match all` is `Host *`; any other condition is taken as false.
fn without_match(config: &str) -> String {
    let mut text = String::with_capacity(config.len());
    for line in config.lines() {
        let mut words = line
            .split(|c: char| c.is_whitespace() || c == '=')
            .filter(|word| !word.is_empty());
        let is_match = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("match"));
        let all = is_match && words.next().is_some_and(|word| word.eq_ignore_ascii_case("all"));
        text.push_str(match (is_match, all) {
            (true, true) => "Host *",
            (true, false) => "Host !*",
            (false, _) => line,
        });
        text.push('\n');
    }
    text
}

fn proxy(params: &HostParams) -> Option<&'static str> {
    let is_set = |values: &[String]| {
        values
            .first()
            .is_some_and(|value| !value.eq_ignore_ascii_case("none"))
    };
    if params.proxy_jump.as_deref().is_some_and(is_set) {
        return Some("ProxyJump");
    }
    let command =
        |(name, values): (&String, &Vec<String>)| name.eq_ignore_ascii_case("proxycommand") && is_set(values);
    params
        .unsupported_fields
        .iter()
        .any(command)
        .then_some("ProxyCommand")
}

/// Replaces `%x` tokens (ssh_config(5), TOKENS); an unknown one stays as it is.
fn expand(text: &str, tokens: &[(char, &str)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let token = (c == '%').then(|| chars.peek().copied()).flatten();
        let value = token.and_then(|name| {
            let known = tokens
                .iter()
                .find(|(token, _)| *token == name)
                .map(|(_, value)| *value);
            if name == '%' { Some("%") } else { known }
        });
        match value {
            Some(value) => {
                chars.next();
                expanded.push_str(value);
            }
            None => expanded.push(c),
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(target: &str, config: &str) -> Result<Resolved, ConfigProblem> {
        resolve(&target.parse().unwrap(), config, Path::new("/home/ann"), "ann")
    }

    const CONFIG: &str = "\
Host web
  HostName %h.example.net
  User deploy
  Port 2222
  IdentityFile ~/.ssh/%r@%h
  UnheardOf yes
Host *
  User common
";

    #[test]
    fn the_configuration_fills_what_the_target_leaves_open() {
        let expected = Resolved {
            host_name: "web.example.net".into(),
            port: 2222,
            user: "deploy".into(),
            identities: vec!["/home/ann/.ssh/deploy@web.example.net".into()],
        };
        assert_eq!(resolved("web", CONFIG), Ok(expected));
        assert_eq!(resolved("other", CONFIG).unwrap().user, "common");
    }

    #[test]
    fn the_target_wins() {
        let web = resolved("root@web:22", CONFIG).unwrap();
        assert_eq!((web.user.as_str(), web.port), ("root", 22));
    }

    #[test]
    fn without_a_configuration_the_defaults_stand() {
        let bare = resolved("web", "").unwrap();
        assert_eq!(
            (bare.user.as_str(), bare.port, bare.host_name.as_str()),
            ("ann", 22, "web")
        );
        assert!(bare.identities.is_empty());
    }

    #[test]
    fn a_match_block_does_not_leak_into_the_host_above_it() {
        let config = "Host web\n Port 2222\nMatch host nowhere\n User evil\nMatch all\n User everyone\n";
        let web = resolved("web", config).unwrap();
        assert_eq!((web.user.as_str(), web.port), ("everyone", 2222));
    }

    #[test]
    fn a_proxy_is_refused_and_none_is_no_proxy() {
        assert_eq!(
            resolved("web", "ProxyJump gate\n"),
            Err(ConfigProblem::Proxy("ProxyJump"))
        );
        assert_eq!(
            resolved("web", "ProxyCommand nc %h %p\n"),
            Err(ConfigProblem::Proxy("ProxyCommand"))
        );
        assert!(resolved("web", "ProxyJump none\nProxyCommand none\n").is_ok());
    }

    #[test]
    fn a_bad_value_is_an_error() {
        assert!(matches!(
            resolved("web", "Port many\n"),
            Err(ConfigProblem::Unreadable(_))
        ));
    }
}
