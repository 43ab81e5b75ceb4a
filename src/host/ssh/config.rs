//! Target and SSH configuration together: where to connect, as whom, with which keys, and which host keys count.
//!
//! Where the program `ssh` is there, it reads the configuration ([`openssh`]); else a reader of our own, which
//! refuses what it does not follow ([`file`]). Both give settings, which mean the same here.

mod file;
mod openssh;

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::error::SshError;
use super::options::{self, Options};
use crate::host::target::Target;

/// The port of SSH (RFC 4253, section 4).
pub(super) const DEFAULT_PORT: u16 = 22;
/// For each of: looking the name up, reaching one address, the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(15);

/// One setting that holds for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    /// In lower case.
    key: String,
    words: Vec<String>,
    /// `file:line`, where that is known.
    place: Option<String>,
}

/// What to connect to, once the configuration has been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The name or address to look up.
    pub host_name: String,
    pub port: u16,
    pub user: String,
    /// `IdentityFile`, in order; none if nobody names any.
    pub identities: Option<Vec<PathBuf>>,
    /// Keys that only the agent has are not tried beside them.
    pub identities_only: bool,
    /// The socket of the ssh-agent.
    pub agent: Option<PathBuf>,
    /// Files of known host keys.
    pub known_hosts: Vec<PathBuf>,
    /// The one that a new key is written to.
    pub learns_in: Option<PathBuf>,
    /// The name in these files, if it is another than the host's.
    pub known_as: Option<String>,
    /// A new key may be learnt.
    pub accept_new: bool,
    /// The configuration says to trust whoever answers, which is not followed.
    pub trusts_anyone: bool,
    pub connect_timeout: Duration,
    pub keepalive: Duration,
    /// So many unanswered keepalives end the connection.
    pub keepalives: usize,
    pub family: Family,
    /// The address to connect from.
    pub from: Option<IpAddr>,
}

/// Which addresses of a host may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    pub fn has(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// What change whom we reach or whom we trust, and are not followed.
const REFUSED: [(&str, &str); 4] = [
    ("proxyjump", "ProxyJump"),
    ("proxycommand", "ProxyCommand"),
    ("bindinterface", "BindInterface"),
    ("revokedhostkeys", "RevokedHostKeys"),
];

/// Fills what `target` leaves open from the configuration; the target and the options win.
pub(super) async fn resolve(target: &Target, options: &Options) -> Result<Resolved, SshError> {
    let settings = match openssh::settings(target, options).await? {
        Some(settings) => settings,
        None => file::settings(target, options)?,
    };
    let local = Local {
        home: options::home(),
        user: options::local_user(),
    };
    Settings(&settings).resolve(target, options, &local)
}

/// Who runs this.
struct Local {
    home: PathBuf,
    user: String,
}

struct Settings<'a>(&'a [Setting]);

impl Settings<'_> {
    fn all(&self, key: &str) -> impl Iterator<Item = &Setting> {
        self.0.iter().filter(move |setting| setting.key == key)
    }

    /// The first one counts, as in ssh_config(5).
    fn first(&self, key: &str) -> Option<&Setting> {
        self.all(key).next()
    }

    /// Its one word, unless that is `none`.
    fn word(&self, key: &str) -> Option<&str> {
        let word = self.first(key)?.words.first()?.as_str();
        (!word.eq_ignore_ascii_case("none")).then_some(word)
    }

    fn resolve(&self, target: &Target, options: &Options, local: &Local) -> Result<Resolved, SshError> {
        for (key, name) in REFUSED {
            if self.word(key).is_some()
                && let Some(setting) = self.first(key)
            {
                return Err(unfollowed(target, name, setting));
            }
        }
        let number = |key: &str| -> Result<Option<u32>, SshError> {
            match self.word(key).map(|word| (seconds(word), self.first(key))) {
                Some((None, Some(setting))) => Err(unfollowed(target, key, setting)),
                Some((number, _)) => Ok(number),
                None => Ok(None),
            }
        };
        let host_name = match self.word("hostname") {
            Some(name) => name.replace("%h", &target.host).replace("%%", "%"),
            None => target.host.clone(),
        };
        let user = target.user.clone().or_else(|| self.word("user").map(Into::into));
        let user = user.unwrap_or_else(|| local.user.clone());
        let port = match (target.port, number("port")?) {
            (Some(port), _) => port,
            (None, Some(port)) => u16::try_from(port).unwrap_or_default(),
            (None, None) => DEFAULT_PORT,
        };
        let known_as = self.word("hostkeyalias").map(str::to_owned);
        let tokens = Tokens {
            home: &local.home.to_string_lossy(),
            values: &[
                ('d', &local.home.to_string_lossy()),
                ('h', &host_name),
                ('i', &rustix::process::getuid().as_raw().to_string()),
                ('k', known_as.as_deref().unwrap_or(&target.host)),
                ('n', &target.host),
                ('p', &port.to_string()),
                ('r', &user),
                ('u', &local.user),
                ('%', "%"),
            ],
        };
        let path = |setting: &Setting, word: &str| match tokens.expand(word) {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(unfollowed(target, &setting.key, setting)),
        };
        let paths = |key: &str| -> Result<Option<Vec<PathBuf>>, SshError> {
            let setting = self.first(key);
            let words = setting.into_iter().flat_map(|setting| {
                let named = setting.words.iter().filter(|word| *word != "none");
                named.map(move |word| path(setting, word))
            });
            let paths = words.collect::<Result<_, _>>()?;
            Ok(setting.map(|_| paths))
        };
        let mut identities = Vec::new();
        for setting in self.all("identityfile") {
            for word in setting.words.iter().filter(|word| *word != "none") {
                identities.push(path(setting, word)?);
            }
        }
        let agent = match self.first("identityagent") {
            _ if options.agent.is_some() => options.agent.clone(),
            None => options::agent_socket("SSH_AUTH_SOCK"),
            Some(setting) => match setting.words.first().map_or("none", String::as_str) {
                "none" => None,
                "SSH_AUTH_SOCK" => options::agent_socket("SSH_AUTH_SOCK"),
                word => match word.strip_prefix('$') {
                    Some(variable) if !variable.starts_with('{') => options::agent_socket(variable),
                    _ => Some(path(setting, word)?),
                },
            },
        };
        let (known_hosts, learns_in) = match &options.known_hosts {
            Some(file) => (vec![file.clone()], Some(file.clone())),
            None => {
                let own = paths("userknownhostsfile")?;
                let own = own.unwrap_or_else(|| vec![local.home.join(".ssh/known_hosts")]);
                let global = paths("globalknownhostsfile")?;
                let global = global.unwrap_or_else(|| vec!["/etc/ssh/ssh_known_hosts".into()]);
                let learns_in = own.first().cloned();
                ([own, global].concat(), learns_in)
            }
        };
        let from = match self.first("bindaddress") {
            Some(setting) => {
                let address = setting.words.first().and_then(|word| word.parse().ok());
                Some(address.ok_or_else(|| unfollowed(target, "BindAddress", setting))?)
            }
            None => None,
        };
        let strict = self.word("stricthostkeychecking");
        let keepalive = number("serveraliveinterval")?.filter(|seconds| *seconds > 0);
        let timeout = number("connecttimeout")?.filter(|seconds| *seconds > 0);
        Ok(Resolved {
            identities: self.first("identityfile").map(|_| identities),
            identities_only: self.word("identitiesonly") == Some("yes"),
            agent,
            known_hosts,
            learns_in,
            known_as,
            accept_new: options.accept_new || strict == Some("accept-new"),
            trusts_anyone: matches!(strict, Some("no" | "off" | "false")),
            connect_timeout: timeout.map_or(CONNECT_TIMEOUT, |seconds| Duration::from_secs(seconds.into())),
            keepalive: keepalive.map_or(KEEPALIVE, |seconds| Duration::from_secs(seconds.into())),
            keepalives: number("serveralivecountmax")?.unwrap_or(3) as usize,
            family: match self.word("addressfamily") {
                Some("inet") => Family::V4,
                Some("inet6") => Family::V6,
                _ => Family::Any,
            },
            from,
            host_name,
            port,
            user,
        })
    }
}

fn unfollowed(target: &Target, name: &str, setting: &Setting) -> SshError {
    SshError::Unfollowed {
        host: target.host.clone(),
        directive: name.to_owned(),
        value: setting.words.join(" "),
        place: match &setting.place {
            Some(place) => place.clone(),
            None => format!("`ssh -G {}` shows it", target.host),
        },
    }
}

/// Seconds, also in the form `1h30m` (sshd_config(5), TIME FORMATS).
fn seconds(text: &str) -> Option<u32> {
    let (mut total, mut number) = (0_u32, None::<u32>);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match (text.is_empty(), number) {
        (true, _) => None,
        (false, number) => total.checked_add(number.unwrap_or(0)),
    }
}

/// What may stand in the names of files (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).
struct Tokens<'a> {
    home: &'a str,
    values: &'a [(char, &'a str)],
}

impl Tokens<'_> {
    /// None if something in it has no value here.
    fn expand(&self, text: &str) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        if let Some(below) = rest.strip_prefix('~') {
            // Of another user.
            if !below.is_empty() && !below.starts_with('/') {
                return None;
            }
            expanded.push_str(self.home);
            rest = below;
        }
        while let Some(at) = rest.find(['%', '$']) {
            expanded.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(token) = rest.strip_prefix('%') {
                let name = token.chars().next()?;
                let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
                expanded.push_str(value);
                rest = &token[name.len_utf8()..];
            } else if let Some((name, after)) = rest.strip_prefix("${").and_then(|name| name.split_once('}'))
            {
                expanded.push_str(&env::var(name).ok()?);
                rest = after;
            } else {
                expanded.push('$');
                rest = &rest[1..];
            }
        }
        expanded.push_str(rest);
        Some(expanded)
    }
}

/// The file that `-F` of ssh names, or would.
fn user_file(options: &Options) -> PathBuf {
    let usual = || options::home().join(".ssh/config");
    options.config.clone().unwrap_or_else(usual)
}

/// Whether a glob of ssh_config or known_hosts matches: `*` is any run and `?` any one byte; all else is itself.
/// Linear in memory, never exponential in time.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // Let the last star swallow one byte more.
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
