//! What the environment says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where the service listens and whom it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address it listens on: `BIND` (127.0.0.1) and `PORT` (8080).
    pub listen: SocketAddr,
    /// Who answers for the exchange.
    pub upstream: Upstream,
}

/// Who answers for the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Binance's HTTP API at this base URL (`BINANCE_BASE_URL`).
    Live(String),
    /// Answers that are bundled with the program (`UPSTREAM=recorded`).
    Recorded,
}

/// A variable whose value cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value} is not {wanted}")]
pub struct ConfigError {
    name: &'static str,
    value: String,
    wanted: &'static str,
}

impl Config {
    /// Reads the variables by `look_up`.
    ///
    /// # Errors
    /// Names the variable whose value cannot be used.
    pub fn from_environment(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let port = match given("PORT") {
            None => 8080,
            Some(value) => match value.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => {
                    return Err(ConfigError {
                        name: "PORT",
                        value,
                        wanted: "a port from 1 to 65535",
                    });
                }
            },
        };
        let address = match given("BIND") {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(value) => value.parse().map_err(|_| ConfigError {
                name: "BIND",
                value,
                wanted: "an IP address to listen on",
            })?,
        };
        let base = given("BINANCE_BASE_URL").unwrap_or_else(|| "https://data-api.binance.vision".into());
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(ConfigError {
                name: "BINANCE_BASE_URL",
                value: base,
                wanted: "an http or https URL",
            });
        }
        let upstream = match given("UPSTREAM").as_deref() {
            None | Some("live") => Upstream::Live(base.trim_end_matches('/').to_owned()),
            Some("recorded") => Upstream::Recorded,
            Some(other) => {
                return Err(ConfigError {
                    name: "UPSTREAM",
                    value: other.to_owned(),
                    wanted: "`live` or `recorded`",
                });
            }
        };
        Ok(Self {
            listen: SocketAddr::new(address, port),
            upstream,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let look_up = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_environment(look_up).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_loopback_and_the_exchange() {
        let config = read(&[]).expect("valid");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(matches!(config.upstream, Upstream::Live(base) if base.starts_with("https://")));
    }

    #[test]
    fn a_bad_value_names_itself() {
        assert_eq!(
            read(&[("PORT", "0")]),
            Err("PORT=0 is not a port from 1 to 65535".into())
        );
        assert_eq!(
            read(&[("BIND", "x")]),
            Err("BIND=x is not an IP address to listen on".into())
        );
        assert_eq!(
            read(&[("UPSTREAM", "x")]),
            Err("UPSTREAM=x is not `live` or `recorded`".into())
        );
        assert!(read(&[("BINANCE_BASE_URL", "ftp://x")]).is_err());
    }
}
