//! Who may ask, and how often.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::header::{self, HeaderMap, HeaderName};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::config::Config;

/// So many clients are remembered before those that have been quiet are forgotten.
const CLIENTS: usize = 10_000;

const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The rules for who may ask.
#[derive(Debug)]
pub struct Access {
    keys: Vec<[u8; 32]>,
    limiter: Option<DefaultKeyedRateLimiter<Client>>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// Who has this key, by its number.
    Key(usize),
    /// Who comes from this address.
    Address(IpAddr),
}

impl Access {
    /// The rules in the configuration.
    pub fn new(config: &Config) -> Self {
        let quota = |limit: NonZeroU32| RateLimiter::keyed(Quota::per_minute(limit));
        Self {
            keys: config.api_keys.clone(),
            limiter: config.rate_limit.map(quota),
            hosts: config.allowed_hosts.clone(),
            origins: config.allowed_origins.clone(),
        }
    }

    /// Who asks; none when a key is required and not given.
    pub fn client(&self, headers: &HeaderMap, peer: IpAddr) -> Option<Client> {
        if self.keys.is_empty() {
            return Some(Client::Address(forwarded(headers, peer)));
        }
        let given = headers.get("x-api-key").map(|key| key.as_bytes());
        let bearer = || {
            let value = headers.get(header::AUTHORIZATION)?.as_bytes();
            let (scheme, key) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
        };
        let sum = digest(&SHA256, given.or_else(bearer)?);
        // Every key is compared, each in constant time: the time tells nothing about them.
        let mut found = None;
        for (number, key) in self.keys.iter().enumerate() {
            if bool::from(key.as_slice().ct_eq(sum.as_ref())) {
                found = Some(Client::Key(number));
            }
        }
        found
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The seconds after which the client may ask again.
    pub fn count(&self, client: &Client) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        if limiter.len() > CLIENTS {
            limiter.retain_recent();
        }
        limiter.check_key(client).map_err(|wait| {
            let wait = wait.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + 1
        })
    }

    /// Whether MCP is served under this Host.
    pub fn allows_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host.filter(|_| !self.hosts.is_empty()) else {
            return self.hosts.is_empty();
        };
        let name = without_port(host);
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name))
    }

    /// Whether a browser's page of this origin may use MCP. Loopback may: its pages are the user's own.
    /// A page that reaches us by DNS rebinding still sends its own origin and stays out.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let host = origin.split_once("://").map(|(_, host)| without_port(host));
        matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
            || self
                .origins
                .iter()
                .any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The client's address: a proxy on this machine says whom it serves; nobody else is believed.
fn forwarded(headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    if !peer.is_loopback() {
        return peer;
    }
    let last = |name: &HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        value.rsplit(',').next()?.trim().parse().ok()
    };
    last(&REAL_IP).or_else(|| last(&FORWARDED_FOR)).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(keys: &[&str], hosts: &[&str], origins: &[&str], limit: u32) -> Access {
        let sum = |key: &&str| {
            let mut sum = [0; 32];
            sum.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
            sum
        };
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Access {
            keys: keys.iter().map(sum).collect(),
            limiter: NonZeroU32::new(limit).map(|limit| RateLimiter::keyed(Quota::per_minute(limit))),
            hosts: texts(hosts),
            origins: texts(origins),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                header::HeaderName::from_static(name),
                value.parse().expect("a value"),
            )
        });
        pairs.collect()
    }

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_key_is_taken_from_either_header() {
        let access = access(&["first", "second"], &[], &[], 0);
        let client = |pairs: &[(&'static str, &str)]| access.client(&headers(pairs), PROXY);
        assert_eq!(client(&[("x-api-key", "second")]), Some(Client::Key(1)));
        assert_eq!(client(&[("authorization", "Bearer first")]), Some(Client::Key(0)));
        assert_eq!(client(&[("authorization", "Basic first")]), None);
        assert_eq!(client(&[("x-api-key", "third")]), None);
        assert_eq!(client(&[]), None);
    }

    #[test]
    fn clients_behind_a_proxy_are_told_apart_and_strangers_are_not_believed() {
        let access = access(&[], &[], &[], 1);
        let of = |address: &str, peer| access.client(&headers(&[("x-real-ip", address)]), peer);
        let (first, second) = (of("192.0.2.1", PROXY), of("192.0.2.2", PROXY));
        assert_ne!(first, second);
        let stranger: IpAddr = "192.0.2.9".parse().expect("an address");
        assert_eq!(of("192.0.2.1", stranger), Some(Client::Address(stranger)));
        let (first, second) = (first.expect("a client"), second.expect("a client"));
        assert_eq!(access.count(&first), Ok(()));
        assert!(access.count(&first).is_err_and(|seconds| seconds >= 1));
        assert_eq!(access.count(&second), Ok(()));
    }

    #[test]
    fn hosts_and_origins_are_checked() {
        let some = access(&[], &["api.example.com"], &["https://app.example.com"], 0);
        assert!(some.allows_host(Some("API.example.com:443")));
        assert!(!some.allows_host(Some("evil.example.net")) && !some.allows_host(None));
        assert!(access(&[], &[], &[], 0).allows_host(Some("any.example.com")));
        assert!(some.allows_origin("https://app.example.com") && some.allows_origin("http://localhost:3000"));
        assert!(!some.allows_origin("http://localhost.evil.example") && !some.allows_origin("null"));
        assert!(access(&[], &[], &["*"], 0).allows_origin("https://anything.example"));
    }
}
