//! A cloud's JSON API over HTTPS: one key, patience with what is overloaded, errors in the cloud's own words.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};
use ring::rand::{SecureRandom, SystemRandom};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::error::ProviderError;
use crate::host::http::explain;

/// How often a question is asked before its error is told.
const TRIES: u32 = 6;
/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the cloud asks for.
const LONGEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// For a whole answer. Orders are answered slowly.
const ANSWER: Duration = Duration::from_secs(60);

/// An API and the key for it.
pub(super) struct Api {
    client: Client,
    base: Url,
    authorization: HeaderValue,
    /// The cloud, for a person.
    provider: &'static str,
    /// Where a person manages keys.
    page: &'static str,
}

/// One thing that is asked.
pub(super) struct Ask<'a> {
    pub method: Method,
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<Value>,
    /// What the cloud is to do, as a verb, for messages.
    pub what: String,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str, query: &'a [(&'a str, &'a str)], what: impl Into<String>) -> Self {
        let (method, body, what) = (Method::GET, None, what.into());
        Self {
            method,
            path,
            query,
            body,
            what,
        }
    }
}

impl Api {
    /// The API at `base`, which must be reached by TLS unless it is this machine itself.
    pub fn new(
        provider: &'static str,
        page: &'static str,
        (variable, base): (&'static str, &str),
        key: &str,
    ) -> Result<Self, ProviderError> {
        let refused = |cause: &str| ProviderError::Endpoint {
            variable,
            url: base.to_owned(),
            cause: cause.to_owned(),
        };
        let url = Url::parse(base).map_err(|_| refused("it is no URL"))?;
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let is_here =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err(refused("only https is private"));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| super::secrets::odd_key("the environment".into()))?;
        authorization.set_sensitive(true);
        let mut client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // A key is for this address alone.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("hostwright/", env!("CARGO_PKG_VERSION")));
        if is_here {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| refused(&explain(error)))?;
        Ok(Self {
            client,
            base: url,
            authorization,
            provider,
            page,
        })
    }

    /// Asks until there is an answer that will not change.
    pub async fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, ProviderError> {
        let body = self.patiently(ask).await?;
        self.read(ask, &body)
    }

    /// Asks until it is done; the answer says nothing more.
    pub async fn tell(&self, ask: &Ask<'_>) -> Result<(), ProviderError> {
        self.patiently(ask).await.map(drop)
    }

    /// Asks once.
    pub async fn ask_once<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, ProviderError> {
        let body = self.send(ask).await.map_err(|failed| failed.error)?;
        self.read(ask, &body)
    }

    async fn patiently(&self, ask: &Ask<'_>) -> Result<Vec<u8>, ProviderError> {
        let mut tried = 0;
        loop {
            let failed = match self.send(ask).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            tried += 1;
            let passes = matches!(
                failed.error,
                ProviderError::Busy { .. } | ProviderError::Unavailable { .. }
            );
            if !passes || tried == TRIES {
                return Err(failed.error);
            }
            sleep(pause(tried, failed.after)).await;
        }
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<Vec<u8>, Failed> {
        let mut url = self.base.clone();
        url.set_path(ask.path);
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let mut request = self
            .client
            .request(ask.method.clone(), url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let unavailable = |cause: String| ProviderError::Unavailable {
            provider: self.provider,
            what: ask.what.clone(),
            cause,
            endpoint: self.base.origin().ascii_serialization(),
        };
        let lost = |error| Failed::from(unavailable(explain(error)));
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let after = retry_after(&response);
        let body = response.bytes().await.map_err(lost)?;
        if status.is_success() {
            return Ok(body.into());
        }
        let (provider, said) = (self.provider, said(status, &body));
        let (what, number) = (ask.what.clone(), status.as_u16());
        let error = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderError::Unauthorized {
                provider,
                status: number,
                said,
                page: self.page,
            },
            StatusCode::TOO_MANY_REQUESTS => ProviderError::Busy { provider, said },
            status if status.is_server_error() => unavailable(format!("{said} ({number})")),
            _ => ProviderError::Refused {
                provider,
                what,
                status: number,
                said,
            },
        };
        Err(Failed { error, after })
    }

    fn read<T: DeserializeOwned>(&self, ask: &Ask<'_>, body: &[u8]) -> Result<T, ProviderError> {
        serde_json::from_slice(body).map_err(|error| self.unreadable(&ask.what, &error))
    }

    /// Reads a part of an answer.
    pub fn part<T: DeserializeOwned>(&self, what: &str, part: Value) -> Result<T, ProviderError> {
        serde_json::from_value(part).map_err(|error| self.unreadable(what, &error))
    }

    fn unreadable(&self, what: &str, error: &serde_json::Error) -> ProviderError {
        ProviderError::Unreadable {
            provider: self.provider,
            what: what.to_owned(),
            cause: error.to_string(),
        }
    }
}

/// An error, and how long the cloud asks to wait.
struct Failed {
    error: ProviderError,
    after: Option<Duration>,
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self { error, after: None }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How long to wait after the `tried`th try: half of it is chance, so that those who were refused together do not
/// come again together.
pub fn pause(tried: u32, asked: Option<Duration>) -> Duration {
    let pause = PAUSE
        .saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1)))
        .min(LONGEST);
    let mut chance = [0_u8];
    // Without chance it is the whole pause.
    let part = match SystemRandom::new().fill(&mut chance) {
        Ok(()) => 0.5 + f64::from(chance[0]) / 512.0,
        Err(_) => 1.0,
    };
    asked.unwrap_or_default().min(LONGEST) + pause.mul_f64(part)
}

/// The cloud's words: `{"error": "…"}`, or what stands there instead.
fn said(status: StatusCode, body: &[u8]) -> String {
    let words = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| value["error"].as_str().map(str::to_owned));
    let text = words.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    match line.is_empty() {
        true => status.canonical_reason().unwrap_or("no words").to_owned(),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_by_tls_or_to_this_machine_only() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let open = |base| Api::new("Cloud", "page", ("VARIABLE", base), "key").is_ok();
        for base in [
            "https://api.example.com",
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(open(base), "{base}");
        }
        for base in [
            "http://api.example.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "http://localhost.example.com",
            "x",
        ] {
            assert!(!open(base), "{base}");
        }
    }

    #[test]
    fn pauses_grow_and_follow_what_is_asked() {
        for (tried, asked, least, most) in [
            (1, 0, 0.25, 0.5),
            (3, 0, 1.0, 2.0),
            (40, 0, 15.0, 30.0),
            (1, 7, 7.25, 7.5),
            (1, 999, 30.25, 30.5),
        ] {
            let asked = (asked > 0).then(|| Duration::from_secs(asked));
            let seconds = pause(tried, asked).as_secs_f64();
            assert!((least..=most).contains(&seconds), "{tried} {asked:?}: {seconds}");
        }
    }

    #[test]
    fn the_clouds_words_are_told() {
        let said = |body: &str| said(StatusCode::BAD_GATEWAY, body.as_bytes());
        assert_eq!(said(r#"{"error":"Invalid plan","status":400}"#), "Invalid plan");
        assert_eq!(said("<html>\nnginx"), "<html> nginx");
        assert_eq!(said(""), "Bad Gateway");
    }
}
