//! Who may ask, and how often.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::header::{self, HeaderMap, HeaderName};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::tokens::{Refused, Tokens};

/// So many clients are remembered before those that have been quiet are forgotten.
const CLIENTS: usize = 10_000;

/// The rules for who may ask.
#[derive(Debug)]
pub struct Access {
    keys: Vec<[u8; 32]>,
    tokens: Option<Tokens>,
    limiter: Option<DefaultKeyedRateLimiter<Counted>>,
    /// Where the proxy on this machine says whom it serves.
    proxys_header: Option<HeaderName>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Where from.
    pub address: IpAddr,
    /// The number of the known key that was given.
    pub key: Option<usize>,
    /// Whom the authorization server says that the token is of.
    pub subject: Option<String>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    /// Who has this key.
    Key(usize),
    /// Whom tokens are of.
    Subject(String),
    /// Who comes from this network.
    Network(IpAddr),
}

impl Access {
    /// The rules in the configuration.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let quota = |limit: NonZeroU32| RateLimiter::keyed(Quota::per_minute(limit));
        Ok(Self {
            keys: config.api_keys.clone(),
            tokens: config.trust.clone().map(Tokens::new).transpose()?,
            limiter: config.rate_limit.map(quota),
            proxys_header: config.client_ip_header.clone(),
            hosts: config.allowed_hosts.clone(),
            origins: config.allowed_origins.clone(),
        })
    }

    /// Who asks.
    pub fn asker(&self, headers: &HeaderMap, peer: IpAddr) -> Asker {
        Asker {
            address: self.address(headers, peer.to_canonical()),
            key: self.key(headers),
            subject: None,
        }
    }

    /// The client's address: the proxy on this machine says whom it serves, by its own entry, which is the last.
    /// Entries that name this machine are those of one proxy behind another. Nobody else is believed.
    fn address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let Some(name) = self.proxys_header.as_ref().filter(|_| peer.is_loopback()) else {
            return peer;
        };
        let lines: Vec<&str> = headers
            .get_all(name)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let mut address = peer;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            match address_of(entry.trim()) {
                Some(from) if address.is_loopback() => address = from,
                _ => break,
            }
        }
        address
    }

    /// Whether requests that came by this connection's peer are a proxy's, which speaks for many clients.
    pub fn is_proxys(&self, headers: &HeaderMap) -> bool {
        self.proxys_header
            .as_ref()
            .is_some_and(|name| headers.contains_key(name))
    }

    fn key(&self, headers: &HeaderMap) -> Option<usize> {
        if self.keys.is_empty() {
            return None;
        }
        let given = headers.get("x-api-key").map(|key| key.as_bytes());
        let sum = digest(&SHA256, given.or_else(|| bearer(headers))?);
        // Every key is compared, each in constant time: the time tells nothing about them.
        let mut found = None;
        for (number, key) in self.keys.iter().enumerate() {
            if bool::from(key.as_slice().ct_eq(sum.as_ref())) {
                found = Some(number);
            }
        }
        found
    }

    /// Whether there are keys that let in.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether anybody may ask.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty() && self.tokens.is_none()
    }

    /// Lets in who has a key or a token, and whom it is of is known then.
    ///
    /// # Errors
    /// Why who asks stays out: for a token, or for want of anything.
    pub async fn let_in(&self, headers: &HeaderMap, asker: &mut Asker) -> Result<(), Option<Refused>> {
        if self.is_open() || asker.key.is_some() {
            return Ok(());
        }
        let (Some(tokens), Some(token)) = (&self.tokens, bearer(headers)) else {
            return Err(None);
        };
        let bearer = tokens.bearer(token).await.map_err(Some)?;
        asker.subject = bearer.subject;
        Ok(())
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The seconds after which the client may ask again.
    pub fn count(&self, asker: &Asker) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let counted = match (asker.key, &asker.subject) {
            (Some(number), _) => Counted::Key(number),
            (None, Some(subject)) => Counted::Subject(subject.clone()),
            (None, None) => Counted::Network(network(asker.address)),
        };
        if limiter.len() > CLIENTS {
            limiter.retain_recent();
        }
        limiter.check_key(&counted).map_err(|wait| {
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

/// What stands behind `Bearer` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then_some(token.trim_ascii())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What is counted as one client: an IPv6 client has a /64 of its own, and may ask from each of its addresses.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// An address as proxies write it, some with the port.
fn address_of(entry: &str) -> Option<IpAddr> {
    let address = entry.parse::<SocketAddr>().map(|address| address.ip());
    let bracketed = || entry.trim_start_matches('[').trim_end_matches(']').parse();
    Some(address.or_else(|_| bracketed()).ok()?.to_canonical())
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
            tokens: None,
            limiter: NonZeroU32::new(limit).map(|limit| RateLimiter::keyed(Quota::per_minute(limit))),
            proxys_header: Some(HeaderName::from_static("x-forwarded-for")),
            hosts: texts(hosts),
            origins: texts(origins),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(*name, value.parse().expect("a value"));
        }
        all
    }

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_key_is_taken_from_either_header() {
        let access = access(&["first", "second"], &[], &[], 0);
        let key = |pairs: &[(&'static str, &str)]| access.asker(&headers(pairs), PROXY).key;
        assert_eq!(key(&[("x-api-key", "second")]), Some(1));
        assert_eq!(key(&[("authorization", "Bearer first")]), Some(0));
        assert_eq!(key(&[("authorization", "Basic first")]), None);
        assert_eq!(key(&[("x-api-key", "third")]), None);
        assert_eq!(key(&[]), None);
        assert!(!access.is_open());
    }

    #[test]
    fn a_proxys_own_entry_is_believed_and_nothing_else() {
        let access = access(&[], &[], &[], 0);
        let of = |pairs: &[(&'static str, &str)], peer: &str| {
            let peer = peer.parse().expect("an address");
            access.asker(&headers(pairs), peer).address.to_string()
        };
        let by = |value| of(&[("x-forwarded-for", value)], "127.0.0.1");
        assert_eq!(by("192.0.2.1"), "192.0.2.1");
        assert_eq!(by("198.51.100.9, 192.0.2.1"), "192.0.2.1");
        assert_eq!(by("192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(by("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(by("[2001:db8::1]"), "2001:db8::1");
        assert_eq!(by("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(by("198.51.100.9, 192.0.2.1, 127.0.0.1"), "192.0.2.1");
        assert_eq!(by("192.0.2.1, unknown"), "127.0.0.1");
        assert_eq!(by(""), "127.0.0.1");
        let two = [
            ("x-forwarded-for", "198.51.100.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(
            of(&two, "127.0.0.1"),
            "192.0.2.1",
            "the proxy adds a line of its own"
        );
        assert_eq!(of(&two, "::ffff:127.0.0.1"), "192.0.2.1");
        assert_eq!(of(&two, "192.0.2.7"), "192.0.2.7", "a stranger is not believed");
        assert_eq!(of(&[("x-real-ip", "198.51.100.9")], "127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn clients_are_counted_by_address_and_by_64_bits_of_it() {
        let access = access(&[], &[], &[], 1);
        let count = |address: &str| {
            let address = address.parse().expect("an address");
            access.count(&access.asker(&headers(&[]), address))
        };
        assert_eq!(count("192.0.2.1"), Ok(()));
        assert!(count("192.0.2.1").is_err_and(|seconds| seconds >= 1));
        assert_eq!(count("192.0.2.2"), Ok(()));
        assert_eq!(count("2001:db8::1"), Ok(()));
        assert!(count("2001:db8::ffff:0:0:2").is_err());
        assert_eq!(count("2001:db8:0:1::1"), Ok(()));
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
