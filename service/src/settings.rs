//! Where values come from: a flag before the environment before the file before the default.

use std::collections::BTreeMap;

use crate::client::Client;

/// One setting: its variable's name, whether a flag may carry it, its default and its meaning.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable; in the file and as a flag in lower case.
    pub name: &'static str,
    /// Secrets have no flag: command lines can be read by every user of the machine.
    pub secret: bool,
    /// What holds when nothing is said; empty for none.
    pub default: &'static str,
    /// For the help text.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        secret: false,
        default,
        meaning,
    }
}

/// Every setting, in the order of the help text.
pub const SETTINGS: [Setting; 27] = [
    setting("PORT", "8080", "port to listen on"),
    setting("BIND", "127.0.0.1", "IP address to listen on"),
    setting("UPSTREAM", "live", "live, or recorded for bundled answers"),
    setting(
        "BINANCE_BASE_URL",
        "https://data-api.binance.vision,https://api.binance.com",
        "base URLs of Binance spot, tried in order",
    ),
    setting(
        "BINANCE_FUTURES_BASE_URL",
        "https://fapi.binance.com",
        "base URLs of Binance futures",
    ),
    setting(
        "COINGECKO_BASE_URL",
        "https://api.coingecko.com/api/v3",
        "base URLs of CoinGecko",
    ),
    Setting {
        name: "COINGECKO_API_KEY",
        secret: true,
        default: "",
        meaning: "demo key of CoinGecko",
    },
    Setting {
        name: "COINGECKO_PRO_API_KEY",
        secret: true,
        default: "",
        meaning: "key of CoinGecko's paid plans",
    },
    setting(
        "ALLOWED_HOSTS",
        "",
        "Host names that MCP is served under; empty for any",
    ),
    setting(
        "ALLOWED_ORIGINS",
        "",
        "browser origins that may use MCP besides loopback; * for any",
    ),
    setting(
        "API_KEYS_SHA256",
        "",
        "SHA-256 of each API key in hex; empty for none required",
    ),
    setting(
        "OAUTH_ISSUER",
        "",
        "authorization server whose access tokens are taken; empty for none",
    ),
    setting(
        "OAUTH_AUDIENCE",
        "",
        "whom its tokens are made out to; empty for PUBLIC_URL",
    ),
    setting(
        "OAUTH_SCOPES",
        "",
        "scopes that a token must have; empty for none",
    ),
    setting(
        "OAUTH_JWKS_URL",
        "",
        "where the issuer's keys are; empty to learn it from the issuer",
    ),
    setting(
        "RATE_LIMIT",
        "1200",
        "requests a minute for each client; 0 for no limit",
    ),
    setting(
        "TOOLSETS",
        "all",
        "tools offered over MCP: all, compact, or some of spot,futures,coins,analysis",
    ),
    setting(
        "ANSWER_CHARACTERS",
        "25000",
        "characters in an answer over MCP at most; 0 for no limit",
    ),
    setting(
        "CLIENT_IP_HEADER",
        "X-Forwarded-For",
        "header in which the proxy on this machine names its client; none without one",
    ),
    setting(
        "KEEP_ALIVE_SECONDS",
        "75",
        "how long a connection may lie idle; longer than the proxy keeps its own",
    ),
    setting("CACHE_SECONDS", "10", "how long a price is good"),
    setting(
        "STALE_SECONDS",
        "300",
        "how old an answer may be that stands in for a source that is down",
    ),
    setting(
        "UPSTREAM_TIMEOUT_SECONDS",
        "10",
        "how long all attempts at one question may take",
    ),
    setting(
        "DRAIN_SECONDS",
        "8",
        "how long open requests may take after SIGTERM",
    ),
    setting(
        "PUBLIC_URL",
        "",
        "where clients find the service; with --client, empty for this program by --stdio",
    ),
    setting("LOG", "requests", "requests for a line each, or events for none"),
    setting(
        "CONFORMANCE_FIXTURES",
        "no",
        "yes offers the conformance suite's fixtures",
    ),
];

/// A value that cannot be used, or a flag that is not there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The value has the wrong form.
    #[error("{name}={value} (from {origin}) is not {wanted}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Its value; hidden when it is a secret.
        value: String,
        /// Where the value comes from.
        origin: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The setting says nothing without another.
    #[error("{name} needs {other}: {why}")]
    Needs {
        /// The setting.
        name: &'static str,
        /// What is missing.
        other: &'static str,
        /// What that is for.
        why: &'static str,
    },
    /// There is no such flag.
    #[error("there is no flag {0}; --help lists what there is")]
    Flag(String),
    /// There is no such client.
    #[error("--client {0} is none of {names}", names = Client::names())]
    Client(String),
    /// The flag has no value.
    #[error("the flag {0} needs a value")]
    NoValue(String),
    /// The file cannot be read.
    #[error("the configuration file {0} cannot be read: {1}")]
    File(String, String),
    /// The file names something that is no setting.
    #[error("the configuration file {0} has no setting to give to `{1}`; --help lists what there is")]
    Key(String, String),
}

/// What the program is asked to do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Serve HTTP.
    #[default]
    Http,
    /// Serve MCP on standard input and output.
    Stdio,
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
    /// Print what a client is to be given.
    ClientFile(Client),
    /// Print a link that sets the client up.
    ClientLink(Client),
}

/// Every setting's value and where it comes from.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<&'static str, (String, String)>);

impl Values {
    /// Collects flags, environment and file.
    ///
    /// # Errors
    /// Names the flag, file or key that cannot be used.
    pub fn collect(
        flags: impl Iterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<(Mode, Self), SettingError> {
        let mut mode = Mode::Http;
        let mut given = BTreeMap::new();
        let mut file = None;
        let mut flags = flags;
        while let Some(flag) = flags.next() {
            match flag.as_str() {
                "--stdio" => mode = Mode::Stdio,
                "--help" | "-h" => return Ok((Mode::Help, Self::default())),
                "--client" | "--link" => {
                    let name = flags.next().unwrap_or_default();
                    let client = Client::named(&name).ok_or(SettingError::Client(name))?;
                    mode = match flag.as_str() {
                        "--link" => Mode::ClientLink(client),
                        _ => Mode::ClientFile(client),
                    };
                }
                "--version" | "-V" => return Ok((Mode::Version, Self::default())),
                _ => {
                    let (name, value) = match flag.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (flag.clone(), flags.next()),
                    };
                    let known = SETTINGS
                        .iter()
                        .find(|setting| !setting.secret && flag_of(setting) == name);
                    if known.is_none() && name != "--config" {
                        return Err(SettingError::Flag(name));
                    }
                    let value = value.ok_or_else(|| SettingError::NoValue(name.clone()))?;
                    match known {
                        Some(setting) => {
                            given.insert(setting.name, (value, name));
                        }
                        None => file = Some(value),
                    }
                }
            }
        }
        let mut values = Self::default();
        for setting in &SETTINGS {
            if !setting.default.is_empty() {
                let default = (setting.default.to_owned(), "the default".to_owned());
                values.0.insert(setting.name, default);
            }
        }
        if let Some(path) = file {
            values.0.extend(read_file(&path)?);
        }
        for setting in &SETTINGS {
            if let Some(value) = environment(setting.name).filter(|value| !value.is_empty()) {
                values.0.insert(setting.name, (value, "the environment".into()));
            }
        }
        values.0.extend(given);
        Ok((mode, values))
    }

    /// A setting's value as `read` understands it; none when nothing is said.
    ///
    /// # Errors
    /// Names the setting when `read` does not understand the value.
    pub fn get<T>(
        &self,
        name: &'static str,
        wanted: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingError> {
        let Some((value, origin)) = self.0.get(name) else {
            return Ok(None);
        };
        let secret = SETTINGS
            .iter()
            .any(|setting| setting.name == name && setting.secret);
        read(value.trim()).map(Some).ok_or_else(|| SettingError::Value {
            name,
            value: if secret { "…".into() } else { value.clone() },
            origin: origin.clone(),
            wanted,
        })
    }
}

fn flag_of(setting: &Setting) -> String {
    format!("--{}", setting.name.to_lowercase().replace('_', "-"))
}

fn read_file(path: &str) -> Result<BTreeMap<&'static str, (String, String)>, SettingError> {
    let unreadable = |cause: String| SettingError::File(path.to_owned(), cause);
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name.to_lowercase() == key)
            .ok_or_else(|| SettingError::Key(path.to_owned(), key))?;
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Array(list) => {
                let items: Vec<&str> = list.iter().filter_map(toml::Value::as_str).collect();
                items.join(",")
            }
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            _ => {
                return Err(unreadable(format!(
                    "`{}` is no text and no number",
                    setting.name.to_lowercase()
                )));
            }
        };
        values.insert(setting.name, (value, path.to_owned()));
    }
    Ok(values)
}

/// The help text.
pub fn help() -> String {
    let mut text = String::from(
        "mcp-crypto-api: crypto-market data for models (MCP) and programs (REST)\n\n\
         Usage: mcp-crypto-api [--stdio | --client NAME | --link NAME] [--config FILE] [--SETTING VALUE]...\n\n\
         --stdio serves MCP on standard input and output; --client NAME prints what that client is to be\n\
         given: CLIENTS; --link NAME (cursor,\n\
         vscode) a link that does it.\n\
         Each setting is a flag, an environment variable (PORT) or a key of the TOML file (port); a flag goes\n\
         before the environment, the environment before the file.\n\n",
    )
    .replace("CLIENTS", &Client::names());
    for setting in &SETTINGS {
        let flag = if setting.secret {
            setting.name.to_owned()
        } else {
            flag_of(setting)
        };
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        text.push_str(&format!("  {flag:<28} {}{default}\n", setting.meaning));
    }
    text
}
