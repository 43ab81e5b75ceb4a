//! What the settings say, checked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::header::HeaderName;

use crate::client::Proof;
use crate::settings::{SettingError, Values};
use crate::tokens::{Trust, is_safe};
use crate::tool::{Described, Set};
use crate::upstream::{Lifetimes, Limits, Setup};

/// Where CoinGecko answers with a demo key or none, and where with a key of its paid plans.
const COINGECKO: &str = "https://api.coingecko.com/api/v3";
const COINGECKO_PRO: &str = "https://pro-api.coingecko.com/api/v3";

/// What is offered to models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The sets whose tools are; none for the few that do for most questions.
    sets: Option<Vec<Set>>,
    /// So many characters at most in an answer; none for no limit.
    pub room: Option<usize>,
}

impl Offer {
    fn named(text: &str) -> Option<Option<Vec<Set>>> {
        match text {
            "all" => Some(Some(Set::ALL.to_vec())),
            "compact" => Some(None),
            _ => {
                let of = |name: &String| Set::ALL.into_iter().find(|set| set.name() == name);
                let sets: Option<Vec<Set>> = list(text).iter().map(of).collect();
                sets.filter(|sets| !sets.is_empty()).map(Some)
            }
        }
    }

    /// Whether the tool is offered.
    pub fn wants(&self, tool: &Described) -> bool {
        match &self.sets {
            Some(sets) => sets.contains(&tool.set),
            None => tool.compact,
        }
    }
}

/// How the service runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address it listens on.
    pub listen: SocketAddr,
    /// Who answers.
    pub setup: Setup,
    /// How long answers are good.
    pub lifetimes: Lifetimes,
    /// Host names that MCP is served under; none for any.
    pub allowed_hosts: Vec<String>,
    /// Browser origins that may use MCP besides loopback.
    pub allowed_origins: Vec<String>,
    /// SHA-256 of each API key; none when none is required.
    pub api_keys: Vec<[u8; 32]>,
    /// Whose access tokens are taken; none when none are.
    pub trust: Option<Trust>,
    /// Requests a minute for each client; none for no limit.
    pub rate_limit: Option<std::num::NonZeroU32>,
    /// The header in which a proxy on this machine names its client; none when there is no proxy.
    pub client_ip_header: Option<HeaderName>,
    /// How long a client's connection may lie idle.
    pub keep_alive: Duration,
    /// How long open requests may take after SIGTERM.
    pub drain: Duration,
    /// Where clients find the service; none when they are to start it themselves.
    pub url: Option<String>,
    /// What is offered to models.
    pub offer: Offer,
    /// Whether each request is logged.
    pub log_requests: bool,
    /// Whether the conformance suite's fixtures are offered.
    pub fixtures: bool,
}

impl Config {
    /// The address that the routes are under, without the slash at its end; none when it is not known.
    pub fn base(&self) -> Option<&str> {
        let url = self.url.as_deref()?.trim_end_matches('/');
        Some(url.trim_end_matches("/mcp").trim_end_matches('/'))
    }

    /// How clients prove who they are to the service that is configured like this.
    pub fn proof(&self) -> Proof {
        match (&self.trust, self.api_keys.is_empty()) {
            (_, false) => Proof::Key,
            (Some(_), true) => Proof::Token,
            (None, true) => Proof::None,
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Names the setting whose value cannot be used.
    pub fn from_values(values: &Values) -> Result<Self, SettingError> {
        let port = values.get("PORT", "a port from 1 to 65535", |text| {
            text.parse::<u16>().ok().filter(|port| *port > 0)
        })?;
        let bind = values.get("BIND", "an IP address to listen on", |text| {
            text.parse::<IpAddr>().ok()
        })?;
        let seconds = |name| {
            values.get(name, "a number of seconds above 0", |text| {
                match text.parse::<f64>() {
                    Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => {
                        Some(Duration::from_secs_f64(seconds))
                    }
                    _ => None,
                }
            })
        };
        let patience = seconds("UPSTREAM_TIMEOUT_SECONDS")?.unwrap_or(Duration::from_secs(10));
        let key = |name| {
            values.get(name, "a key of printable characters", |text| {
                text.chars()
                    .all(|c| c.is_ascii_graphic())
                    .then(|| text.to_owned())
            })
        };
        let demo = key("COINGECKO_API_KEY")?.map(|key| ("x-cg-demo-api-key", key));
        let pro = key("COINGECKO_PRO_API_KEY")?.map(|key| ("x-cg-pro-api-key", key));
        let hosts = |name| {
            let urls = values.get(name, "http or https URLs with commas between", |text| {
                let urls = list(text).into_iter().map(|url| url.trim_end_matches('/').into());
                let urls: Vec<String> = urls.collect();
                let valid = |url: &String| url.starts_with("http://") || url.starts_with("https://");
                (!urls.is_empty() && urls.iter().all(valid)).then_some(urls)
            });
            urls.map(Option::unwrap_or_default)
        };
        let limits = |hosts, weight, key| Limits {
            hosts,
            weight,
            key,
            patience,
        };
        // Weights a minute: Binance's published limits; CoinGecko's for its smallest plan, a demo key and none.
        let coingecko_weight = match (&pro, &demo) {
            (Some(_), _) => 250,
            (None, Some(_)) => 30,
            (None, None) => 10,
        };
        let mut coingecko = hosts("COINGECKO_BASE_URL")?;
        if pro.is_some() && coingecko == [COINGECKO] {
            coingecko = vec![COINGECKO_PRO.to_owned()];
        }
        let live = Setup::Live(Box::new([
            limits(hosts("BINANCE_BASE_URL")?, 6000, None),
            limits(hosts("BINANCE_FUTURES_BASE_URL")?, 2400, None),
            limits(coingecko, coingecko_weight, pro.or(demo)),
        ]));
        let recorded = values.get("UPSTREAM", "`live` or `recorded`", |text| match text {
            "live" => Some(false),
            "recorded" => Some(true),
            _ => None,
        })?;
        let address = |name| {
            values.get(name, "an https URL (http only on this machine)", |text| {
                let plain = is_safe(text) && !text.contains(['?', '#']);
                plain.then(|| text.to_owned())
            })
        };
        let words = |name: &'static str| {
            let split = |text: &str| {
                Some(
                    text.split([',', ' '])
                        .filter(|word| !word.is_empty())
                        .map(Into::into)
                        .collect(),
                )
            };
            values
                .get(name, "", split)
                .map(Option::<Vec<String>>::unwrap_or_default)
        };
        let trust = address("OAUTH_ISSUER")?
            .map(|issuer| {
                Ok(Trust {
                    issuer,
                    audiences: words("OAUTH_AUDIENCE")?,
                    scopes: words("OAUTH_SCOPES")?,
                    keys: address("OAUTH_JWKS_URL")?,
                })
            })
            .transpose()?;
        let price = seconds("CACHE_SECONDS")?.unwrap_or(Duration::from_secs(10));
        let mut config = Self {
            listen: SocketAddr::new(bind.unwrap_or(IpAddr::from([127, 0, 0, 1])), port.unwrap_or(8080)),
            setup: if recorded == Some(true) {
                Setup::Recorded
            } else {
                live
            },
            lifetimes: Lifetimes {
                price,
                list: price * 3,
                reference: price * 60,
                stale: seconds("STALE_SECONDS")?.unwrap_or(Duration::from_secs(300)),
            },
            allowed_hosts: values
                .get("ALLOWED_HOSTS", "", |text| Some(list(text)))?
                .unwrap_or_default(),
            allowed_origins: values
                .get(
                    "ALLOWED_ORIGINS",
                    "origins such as https://app.example.com with commas between",
                    |text| {
                        let origins = list(text);
                        let valid = |origin: &String| origin == "*" || origin.contains("://");
                        origins.iter().all(valid).then_some(origins)
                    },
                )?
                .unwrap_or_default(),
            api_keys: values
                .get("API_KEYS_SHA256", "SHA-256 sums of 64 hex digits each", |text| {
                    list(text).iter().map(|sum| digest(sum)).collect()
                })?
                .unwrap_or_default(),
            trust,
            rate_limit: values
                .get("RATE_LIMIT", "a whole number of requests a minute", |text| {
                    text.parse::<u32>().ok()
                })?
                .and_then(std::num::NonZeroU32::new),
            client_ip_header: values
                .get(
                    "CLIENT_IP_HEADER",
                    "a header's name, or `none`",
                    |text| match text {
                        "none" => Some(None),
                        name => name.parse().ok().map(Some),
                    },
                )?
                .flatten(),
            keep_alive: seconds("KEEP_ALIVE_SECONDS")?.unwrap_or(Duration::from_secs(75)),
            drain: seconds("DRAIN_SECONDS")?.unwrap_or(Duration::from_secs(8)),
            url: values.get("PUBLIC_URL", "an http or https URL", |text| {
                let valid = text.starts_with("http://") || text.starts_with("https://");
                valid.then(|| text.to_owned())
            })?,
            offer: Offer {
                sets: values
                    .get(
                        "TOOLSETS",
                        "all, compact, or some of spot, futures, coins and analysis with commas between",
                        Offer::named,
                    )?
                    .unwrap_or_else(|| Some(Set::ALL.to_vec())),
                room: values
                    .get(
                        "ANSWER_CHARACTERS",
                        "a number of characters above 1999, or 0",
                        |text| {
                            text.parse::<usize>()
                                .ok()
                                .filter(|room| *room == 0 || *room >= 2000)
                        },
                    )?
                    .filter(|room| *room > 0),
            },
            log_requests: values
                .get("LOG", "`requests` or `events`", |text| match text {
                    "requests" => Some(true),
                    "events" => Some(false),
                    _ => None,
                })?
                .unwrap_or(true),
            fixtures: values
                .get("CONFORMANCE_FIXTURES", "`yes` or `no`", |text| match text {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                })?
                .unwrap_or(false),
        };
        config.name_audiences()?;
        Ok(config)
    }

    /// Tokens are made out to the service's address when nothing else is said, with MCP's path or without.
    fn name_audiences(&mut self) -> Result<(), SettingError> {
        let base = self.base().map(str::to_owned);
        let Some(trust) = &mut self.trust else {
            return Ok(());
        };
        let base = base.ok_or(SettingError::Needs {
            name: "OAUTH_ISSUER",
            other: "PUBLIC_URL",
            why: "clients ask for tokens that are made out to that address",
        })?;
        if trust.audiences.is_empty() {
            trust.audiences = vec![format!("{base}/mcp"), format!("{base}/"), base];
        }
        Ok(())
    }
}

fn list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut sum = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in sum.iter_mut().zip(0..) {
        *byte = u8::from_str_radix(&hex[digits * 2..digits * 2 + 2], 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[&str], pairs: &[(&str, &str)]) -> Result<Config, String> {
        let look_up = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let (_, values) = Values::collect(flags, look_up).map_err(|error| error.to_string())?;
        Config::from_values(&values).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_loopback_and_the_exchange() {
        let config = read(&[], &[]).expect("valid");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(matches!(config.setup, Setup::Live(limits) if limits[0].hosts.len() == 2));
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_file() {
        let path = std::env::temp_dir().join(format!("mcp-crypto-api-{}.toml", std::process::id()));
        std::fs::write(&path, "port = 1111\nbind = \"::1\"\nrate_limit = 7\n").expect("a file");
        let file = format!("--config={}", path.display());
        let config = read(
            &[&file, "--port", "3333"],
            &[("PORT", "2222"), ("BIND", "127.0.0.2")],
        )
        .expect("valid");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(config.listen.to_string(), "127.0.0.2:3333");
        assert_eq!(config.rate_limit.map(std::num::NonZeroU32::get), Some(7));
    }

    #[test]
    fn a_paid_key_goes_to_the_paid_host_in_its_own_header() {
        let coingecko = |pairs: &[(&str, &str)]| match read(&[], pairs).expect("valid").setup {
            Setup::Live(limits) => limits[2].clone(),
            Setup::Recorded => panic!("live"),
        };
        let pro = coingecko(&[("COINGECKO_PRO_API_KEY", "p"), ("COINGECKO_API_KEY", "d")]);
        assert_eq!(
            (pro.key, &*pro.hosts[0]),
            (Some(("x-cg-pro-api-key", "p".into())), COINGECKO_PRO)
        );
        let demo = coingecko(&[("COINGECKO_API_KEY", "d")]);
        assert_eq!(
            (demo.key, &*demo.hosts[0]),
            (Some(("x-cg-demo-api-key", "d".into())), COINGECKO)
        );
        let own = coingecko(&[
            ("COINGECKO_PRO_API_KEY", "p"),
            ("COINGECKO_BASE_URL", "http://127.0.0.1:1"),
        ]);
        assert_eq!(own.hosts, ["http://127.0.0.1:1"]);
    }

    #[test]
    fn tokens_are_made_out_to_the_services_address_unless_it_is_said_otherwise() {
        let issuer = ("OAUTH_ISSUER", "https://id.example.com/team");
        let trust = |pairs: &[(&str, &str)]| read(&[], pairs).map(|config| config.trust.expect("an issuer"));
        let usual = trust(&[issuer, ("PUBLIC_URL", "https://api.example.com/mcp")]).expect("valid");
        assert_eq!(usual.issuer, "https://id.example.com/team");
        assert_eq!(
            usual.audiences,
            [
                "https://api.example.com/mcp",
                "https://api.example.com/",
                "https://api.example.com"
            ]
        );
        let own = [
            issuer,
            ("PUBLIC_URL", "https://api.example.com/"),
            ("OAUTH_AUDIENCE", "crypto"),
            ("OAUTH_SCOPES", "read:prices, read:books"),
        ];
        let own = trust(&own).expect("valid");
        assert_eq!((own.audiences, own.scopes.len()), (vec!["crypto".to_owned()], 2));
        assert_eq!(
            trust(&[issuer]).expect_err("no address"),
            "OAUTH_ISSUER needs PUBLIC_URL: clients ask for tokens that are made out to that address"
        );
        for unsafe_one in [
            "http://id.example.com",
            "id.example.com",
            "https://id.example.com/?a=b",
        ] {
            let wrong = trust(&[("OAUTH_ISSUER", unsafe_one)]).expect_err("refused");
            assert!(wrong.contains("is not an https URL"), "{wrong}");
        }
    }

    #[test]
    fn some_tools_are_offered() {
        let count = |toolsets: &str| {
            let offer = read(&["--toolsets", toolsets], &[]).map(|config| config.offer);
            offer.map(|offer| {
                crate::tools::all()
                    .iter()
                    .filter(|tool| offer.wants(tool))
                    .count()
            })
        };
        let all = crate::tools::all().len();
        assert_eq!(count("all"), Ok(all));
        assert_eq!(count("spot,futures,coins,analysis"), Ok(all));
        assert!(count("compact").is_ok_and(|count| (5..=8).contains(&count)));
        assert!(count("spot, coins").is_ok_and(|count| count < all));
        assert!(count("spots").is_err_and(|error| error.starts_with("TOOLSETS=spots (from --toolsets)")));
    }

    #[test]
    fn a_bad_value_names_itself() {
        let message =
            |flags: &[&str], pairs: &[(&str, &str)]| read(flags, pairs).expect_err("a bad value is refused");
        assert_eq!(
            message(&["--port=0"], &[]),
            "PORT=0 (from --port) is not a port from 1 to 65535"
        );
        assert_eq!(
            message(&[], &[("UPSTREAM", "x")]),
            "UPSTREAM=x (from the environment) is not `live` or `recorded`"
        );
        assert!(message(&[], &[("CLIENT_IP_HEADER", "X Y")]).starts_with("CLIENT_IP_HEADER=X Y"));
        assert!(message(&[], &[("BIND", "x")]).starts_with("BIND=x"));
        assert!(message(&[], &[("BINANCE_BASE_URL", "ftp://x")]).starts_with("BINANCE_BASE_URL"));
        assert!(message(&[], &[("API_KEYS_SHA256", "abc")]).starts_with("API_KEYS_SHA256"));
        assert!(message(&["--nothing"], &[]).contains("--nothing"));
        assert!(message(&["--coingecko-api-key=x"], &[]).contains("no flag"));
        let secret = message(&[], &[("COINGECKO_API_KEY", "my secret")]);
        assert!(!secret.contains("my secret"), "{secret}");
    }
}
