//! Target and SSH configuration together: where to connect, as whom, with which keys, and which host keys count.
//!
//! Where the program `ssh` is there, it reads the configuration ([`openssh`]); else a reader of our own, which
//! refuses what it does not follow ([`file`]). Both give settings, which mean the same here.

mod file;
mod openssh;
mod place;
mod proxy;
mod setting;
mod tokens;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use russh::MethodKind;

use self::setting::Setting;
use self::tokens::{Tokens, seconds};
use super::algorithms::{self, Algorithms, Kind};
use super::error::SshError;
use super::options::{self, Options};
use crate::host::target::Target;

pub(super) use self::proxy::Proxy;

/// The port of SSH (RFC 4253, section 4).
pub(super) const DEFAULT_PORT: u16 = 22;
/// For each of: looking the name up, reaching one address, the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(15);

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
    /// `CertificateFile`, in order.
    pub certificates: Vec<PathBuf>,
    /// The socket of the ssh-agent.
    pub agent: Option<PathBuf>,
    /// Ways to log in, in order.
    pub methods: Vec<MethodKind>,
    /// How often a person is asked for one password.
    pub prompts: usize,
    /// Nobody is asked anything.
    pub batch: bool,
    pub algorithms: Algorithms,
    /// Files of known host keys.
    pub known_hosts: Vec<PathBuf>,
    /// Files of keys that no host may have.
    pub revoked: Vec<PathBuf>,
    /// The one that a new key is written to.
    pub learns_in: Option<PathBuf>,
    /// The name in these files, if it is another than the host's.
    pub known_as: Option<String>,
    /// Names are written as hashes.
    pub hashes_names: bool,
    /// The address must not be known with another key.
    pub checks_address: bool,
    /// A new key may be learnt.
    pub accept_new: bool,
    /// A new key is refused without a question.
    pub strict: bool,
    /// The configuration says to trust whoever answers, which is not followed.
    pub trusts_anyone: bool,
    pub connect_timeout: Duration,
    pub keepalive: Duration,
    /// So many unanswered keepalives end the connection.
    pub keepalives: usize,
    pub family: Family,
    /// The address to connect from.
    pub from: Option<IpAddr>,
    /// The network interface to connect from.
    pub interface: Option<String>,
    /// What stands between here and the host.
    pub proxy: Option<Proxy>,
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

/// What change whom we reach or whom we trust, and are not followed, but for the value beside them.
const REFUSED: [(&str, &str, &str); 4] = [
    ("knownhostscommand", "KnownHostsCommand", "none"),
    (
        "nohostauthenticationforlocalhost",
        "NoHostAuthenticationForLocalhost",
        "no",
    ),
    ("proxyusefdpass", "ProxyUseFdpass", "no"),
    ("requiredrsasize", "RequiredRSASize", "1024"),
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

/// Reads any text as a configuration, for the fuzz targets.
pub(super) fn read_any(text: &str) {
    let target = Target {
        user: None,
        host: "web".into(),
        port: None,
    };
    let local = Local {
        home: "/home/ann".into(),
        user: "ann".into(),
    };
    if let Ok(settings) = file::read(text, "config".as_ref(), &target.host) {
        let _ = Settings(&settings).resolve(&target, &Options::default(), &local);
    }
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

    /// Whether it is switched on; `usual` if nothing is said.
    fn is_on(&self, key: &str, usual: bool) -> bool {
        match self.word(key) {
            Some(word) => matches!(word, "yes" | "true"),
            None => usual,
        }
    }

    fn resolve(&self, target: &Target, options: &Options, local: &Local) -> Result<Resolved, SshError> {
        for (key, name, harmless) in REFUSED {
            if let Some(setting) = self.first(key)
                && self.word(key).is_some_and(|word| word != harmless)
            {
                return Err(unfollowed(target, name, setting, options));
            }
        }
        let unknown = |setting: &&Setting| setting.made && !file::is_known(&setting.key);
        if let Some(setting) = self.0.iter().find(unknown) {
            return Err(unfollowed(target, &setting.key, setting, options));
        }
        let unfollowed = |name: &str, setting: &Setting| unfollowed(target, name, setting, options);
        let number = |key: &str| -> Result<Option<u32>, SshError> {
            match self.word(key).map(|word| (seconds(word), self.first(key))) {
                Some((None, Some(setting))) => Err(unfollowed(key, setting)),
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
            None => Err(unfollowed(&setting.key, setting)),
        };
        // What nobody configured is where HOME leads, as with keys: `ssh -G` takes it from the list of users.
        let paths = |key: &str| -> Result<Option<Vec<PathBuf>>, SshError> {
            let setting = self.first(key).filter(|setting| setting.made);
            let words = setting.into_iter().flat_map(|setting| {
                let named = setting.words.iter().filter(|word| *word != "none");
                named.map(move |word| path(setting, word))
            });
            let paths = words.collect::<Result<_, _>>()?;
            Ok(setting.map(|_| paths))
        };
        let several = |key: &str| -> Result<Vec<PathBuf>, SshError> {
            let words = self.all(key).filter(|setting| setting.made).flat_map(|setting| {
                let named = setting.words.iter().filter(|word| *word != "none");
                named.map(move |word| path(setting, word))
            });
            words.collect()
        };
        let identities = several("identityfile")?;
        let certificates = several("certificatefile")?;
        let list = |kind: Kind| -> Result<Option<Vec<String>>, SshError> {
            let key = kind.directive().to_ascii_lowercase();
            let Some(setting) = self.first(&key).filter(|setting| setting.made) else {
                return Ok(None);
            };
            let names = algorithms::usable(kind, &setting.words.join(","));
            match names {
                Some(names) => Ok(Some(names)),
                None => Err(unfollowed(kind.directive(), setting)),
            }
        };
        let algorithms = Algorithms {
            kex: list(Kind::Kex)?,
            ciphers: list(Kind::Cipher)?,
            macs: list(Kind::Mac)?,
            host_keys: list(Kind::HostKey)?,
            keys: list(Kind::Key)?,
        };
        let proxy = match self.proxy() {
            Some(setting) => {
                let read = proxy::read(setting, &tokens);
                Some(read.ok_or_else(|| unfollowed(&setting.key, setting))?)
            }
            None => None,
        };
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
                let usual = ["known_hosts", "known_hosts2"].map(|name| local.home.join(".ssh").join(name));
                let own = own.unwrap_or_else(|| usual.to_vec());
                let global = paths("globalknownhostsfile")?;
                let usual =
                    ["ssh_known_hosts", "ssh_known_hosts2"].map(|name| PathBuf::from("/etc/ssh").join(name));
                let global = global.unwrap_or_else(|| usual.to_vec());
                let learns_in = own.first().cloned();
                ([own, global].concat(), learns_in)
            }
        };
        let from = match self.first("bindaddress") {
            Some(setting) => {
                let address = setting.words.first().and_then(|word| word.parse().ok());
                Some(address.ok_or_else(|| unfollowed("BindAddress", setting))?)
            }
            None => None,
        };
        let strict = self.word("stricthostkeychecking");
        let keepalive = number("serveraliveinterval")?.filter(|seconds| *seconds > 0);
        let timeout = number("connecttimeout")?.filter(|seconds| *seconds > 0);
        Ok(Resolved {
            identities: self
                .first("identityfile")
                .filter(|setting| setting.made)
                .map(|_| identities),
            identities_only: self.is_on("identitiesonly", false),
            certificates,
            agent,
            methods: self.methods(),
            prompts: number("numberofpasswordprompts")?.unwrap_or(3).max(1) as usize,
            batch: self.is_on("batchmode", false),
            algorithms,
            known_hosts,
            revoked: paths("revokedhostkeys")?.unwrap_or_default(),
            learns_in,
            hashes_names: self.is_on("hashknownhosts", false),
            // A name of its own says that the address says nothing; through a proxy it is another's.
            checks_address: self.is_on("checkhostip", false) && known_as.is_none() && proxy.is_none(),
            accept_new: options.accept_new || strict == Some("accept-new"),
            strict: matches!(strict, Some("yes" | "true")),
            known_as,
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
            interface: self.word("bindinterface").map(str::to_owned),
            proxy,
            host_name,
            port,
            user,
        })
    }
}

impl Settings<'_> {
    /// Of `ProxyJump` and `ProxyCommand` the first one counts.
    fn proxy(&self) -> Option<&Setting> {
        let is_proxy = |setting: &&Setting| ["proxyjump", "proxycommand"].contains(&setting.key.as_str());
        let setting = self.0.iter().find(is_proxy)?;
        self.word(&setting.key).map(|_| setting)
    }

    /// Those that are switched on, in the order of `PreferredAuthentications`. Others are none of ours.
    fn methods(&self) -> Vec<MethodKind> {
        let usual = "publickey,keyboard-interactive,password";
        let names = self.word("preferredauthentications").unwrap_or(usual).split(',');
        let is_allowed = |method: &MethodKind| match method {
            MethodKind::PublicKey => !matches!(self.word("pubkeyauthentication"), Some("no" | "false")),
            MethodKind::Password => self.is_on("passwordauthentication", true),
            MethodKind::KeyboardInteractive => self.is_on("kbdinteractiveauthentication", true),
            _ => false,
        };
        let methods = names.filter_map(|name| name.parse().ok());
        methods.filter(is_allowed).collect()
    }
}

fn unfollowed(target: &Target, name: &str, setting: &Setting, options: &Options) -> SshError {
    SshError::Unfollowed {
        host: target.host.clone(),
        directive: name.to_owned(),
        value: setting.words.join(" "),
        place: match setting
            .place
            .clone()
            .or_else(|| place::find(setting, &target.host, options))
        {
            Some(place) => place,
            None => format!("`ssh -G {}` shows it", target.host),
        },
    }
}

/// The patterns of a line that begins a `Host` block.
pub(super) fn host_patterns(line: &str) -> Option<Vec<String>> {
    let mut words = file::words(line)?;
    let is_host = words.first()?.eq_ignore_ascii_case("host");
    is_host.then(|| words.split_off(1))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
