//! An issuer's keys: where it publishes them, how long they are good, and when they are asked for again.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use reqwest::header::CACHE_CONTROL;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cause::root_cause;
use crate::log;

/// How long keys are good when the issuer does not say, and the bounds of what it may say.
const GOOD_FOR: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
/// How long keys are used that cannot be renewed, since the issuer gave them.
const AT_MOST: Duration = Duration::from_secs(2 * 3600);
/// So often a minute an issuer is asked for its keys at most, whatever keys tokens name.
const TIMES: NonZeroU32 = NonZeroU32::new(6).expect("above 0");
/// How long an issuer may take for an answer, and how long that may be.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 512 * 1024;
/// No issuer has more keys at a time.
const MOST: usize = 64;

/// One key.
#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The one algorithm that it is for; none for all of its family.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

/// Keys, as they were at one time.
#[derive(Debug)]
pub struct Known {
    keys: Vec<Key>,
    since: Instant,
    good_until: Instant,
}

impl Known {
    /// The keys that may have signed a token of this algorithm which names this key.
    pub fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&Key| {
            (id.is_none() || key.id.as_deref() == id)
                && key.key.family() == algorithm.family()
                && key.algorithm.is_none_or(|only| only == algorithm.into())
        };
        self.keys.iter().filter(fits).map(|key| &key.key)
    }
}

/// An issuer's keys.
#[derive(Debug)]
pub struct Keys {
    issuer: String,
    /// Where they are; none to learn it from the issuer.
    address: Option<String>,
    client: reqwest::Client,
    known: RwLock<Option<Arc<Known>>>,
    /// One asks, the others wait for it.
    asking: tokio::sync::Mutex<()>,
    limiter: DefaultDirectRateLimiter,
}

impl Keys {
    /// None are known yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(issuer: String, address: Option<String>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("mcp-crypto-api/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            // Keys are the issuer's where its own address says, and nowhere else.
            .redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            issuer,
            address,
            client: client.build()?,
            known: RwLock::default(),
            asking: tokio::sync::Mutex::default(),
            limiter: RateLimiter::direct(Quota::per_minute(TIMES)),
        })
    }

    /// The keys that are good now.
    ///
    /// # Errors
    /// In how many seconds to ask again, when the issuer does not give them.
    pub async fn now(&self) -> Result<Arc<Known>, u64> {
        let known = self.known();
        if let Some(known) = known.as_ref().filter(|known| Instant::now() < known.good_until) {
            return Ok(Arc::clone(known));
        }
        self.renewed(known.as_deref()).await
    }

    /// Newer keys than these, unless the issuer was asked too often of late.
    ///
    /// # Errors
    /// As [`Self::now`].
    pub async fn renewed(&self, old: Option<&Known>) -> Result<Arc<Known>, u64> {
        let asking = self.asking.lock().await;
        let known = self.known();
        let is_newer = |known: &&Arc<Known>| old.is_none_or(|old| old.since < known.since);
        if let Some(newer) = known.as_ref().filter(is_newer) {
            return Ok(Arc::clone(newer));
        }
        let mut wait = 1;
        match self.limiter.check() {
            Ok(()) => match self.fetched().await {
                Ok(fetched) => {
                    let fetched = Arc::new(fetched);
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(Arc::clone(&fetched));
                    return Ok(fetched);
                }
                Err(cause) => log::event("issuer", &json!({ "error": cause })),
            },
            Err(until) => wait = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1,
        }
        drop(asking);
        known.filter(|known| known.since.elapsed() < AT_MOST).ok_or(wait)
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetched(&self) -> Result<Known, String> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => self.published().await?,
        };
        let since = Instant::now();
        let (set, good_for) = self.asked(&address).await?;
        let listed = set["keys"]
            .as_array()
            .ok_or_else(|| format!("{address} lists no keys"))?;
        let keys: Vec<Key> = listed.iter().take(MOST).filter_map(key).collect();
        if keys.is_empty() {
            return Err(format!("{address} has no key that checks signatures"));
        }
        Ok(Known {
            keys,
            since,
            good_until: since + good_for.unwrap_or(GOOD_FOR).clamp(SHORTEST, LONGEST),
        })
    }

    /// Where the issuer says that its keys are (RFC 8414, section 3, and OpenID Connect Discovery 1.0, section 4).
    async fn published(&self) -> Result<String, String> {
        let mut causes = Vec::new();
        for address in described(&self.issuer) {
            let said = match self.asked(&address).await {
                Ok((said, _)) => said,
                Err(why) => {
                    causes.push(why);
                    continue;
                }
            };
            // Who speaks for another could make its own keys pass for that one's.
            if said["issuer"] != self.issuer.as_str() {
                causes.push(format!("{address} describes another issuer: {}", said["issuer"]));
                continue;
            }
            match said["jwks_uri"].as_str().filter(|keys| is_safe(keys)) {
                Some(keys) => return Ok(keys.to_owned()),
                None => causes.push(format!("{address} names no https address of its keys")),
            }
        }
        Err(causes.join("; "))
    }

    /// What an address answers, and for how long that is good.
    async fn asked(&self, address: &str) -> Result<(Value, Option<Duration>), String> {
        let failed = |error: reqwest::Error| format!("{address} does not answer: {}", root_cause(error));
        let mut answer = self.client.get(address).send().await.map_err(failed)?;
        if answer.status() != StatusCode::OK {
            return Err(format!(
                "{address} answers with status {}",
                answer.status().as_u16()
            ));
        }
        let good_for = answer
            .headers()
            .get(CACHE_CONTROL)
            .and_then(|said| max_age(said.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err(format!("{address} answers more than {LONGEST_ANSWER} bytes"));
            }
            body.extend_from_slice(&part);
        }
        let read =
            serde_json::from_slice(&body).map_err(|error| format!("{address} answers no JSON: {error}"))?;
        Ok((read, good_for))
    }
}

/// A key that checks signatures; none for others, and for kinds that are not known.
fn key(listed: &Value) -> Option<Key> {
    let jwk = Jwk::deserialize(listed).ok()?;
    let (usage, operations) = (&jwk.common.public_key_use, &jwk.common.key_operations);
    let is_for_signatures = usage
        .as_ref()
        .is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && operations
            .as_ref()
            .is_none_or(|all| all.contains(&KeyOperations::Verify));
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (is_for_signatures && key.family() != AlgorithmFamily::Hmac).then_some(Key {
        id: jwk.common.key_id,
        algorithm: jwk.common.key_algorithm,
        key,
    })
}

/// Where an issuer describes itself.
fn described(issuer: &str) -> Vec<String> {
    let Ok(url) = Url::parse(issuer) else {
        return Vec::new();
    };
    let (origin, path) = (
        url.origin().ascii_serialization(),
        url.path().trim_end_matches('/'),
    );
    let mut all = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}{path}/.well-known/openid-configuration"),
    ];
    if !path.is_empty() {
        all.push(format!("{origin}/.well-known/openid-configuration{path}"));
    }
    all
}

/// Whether nobody between can change what is asked there: it is asked by HTTPS, or on this machine.
pub fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let is_here = || {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    !host.is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && is_here()))
}

/// What `Cache-Control` says of the time that an answer is good.
fn max_age(said: &str) -> Option<Duration> {
    let mut parts = said.split(',').map(str::trim);
    let seconds = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("max-age")
            .then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_where_it_describes_itself() {
        assert_eq!(
            described("https://id.example.com"),
            [
                "https://id.example.com/.well-known/oauth-authorization-server",
                "https://id.example.com/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            described("https://id.example.com/realms/team/"),
            [
                "https://id.example.com/.well-known/oauth-authorization-server/realms/team",
                "https://id.example.com/realms/team/.well-known/openid-configuration",
                "https://id.example.com/.well-known/openid-configuration/realms/team",
            ]
        );
    }

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for safe in [
            "https://id.example.com/keys",
            "http://127.0.0.1:9/keys",
            "http://[::1]:9",
            "http://localhost/a",
        ] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_one in [
            "http://id.example.com/keys",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "file:///etc/keys",
            "keys",
        ] {
            assert!(!is_safe(unsafe_one), "{unsafe_one}");
        }
    }

    #[test]
    fn the_issuer_says_how_long_its_keys_are_good() {
        assert_eq!(
            max_age("public, max-age=300, must-revalidate"),
            Some(Duration::from_secs(300))
        );
        assert_eq!(max_age("Max-Age=\"5\""), Some(Duration::from_secs(5)));
        assert_eq!((max_age("no-store"), max_age("max-age=soon")), (None, None));
    }

    #[test]
    fn keys_for_encryption_secrets_and_unknown_kinds_are_passed_over() {
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        assert!(key(&ed).is_some());
        for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"]))] {
            let mut other = ed.clone();
            other[name] = value;
            assert!(key(&other).is_none(), "{name}");
        }
        assert!(key(&json!({ "kty": "oct", "k": "c2VjcmV0" })).is_none());
        assert!(key(&json!({ "kty": "AKP", "pub": "AAAA" })).is_none());
        assert!(key(&json!(3)).is_none());
    }
}
