//! One source over HTTP: its hosts, its budget, its pauses.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Response, Url};

use super::budget::{Budget, Turn};
use super::{Call, Failure, Source};
use crate::cause::root_cause;
use crate::metrics::Metrics;

/// How often one question is sent at most: all are reads, so asking again is safe.
const ATTEMPTS: u32 = 3;
/// After so many failed questions in a row the source is left alone for [`REST`].
const FAILURES_TO_OPEN: u32 = 5;
const REST: Duration = Duration::from_secs(10);
/// For so long when every host refuses our country: that does not pass by itself.
const REST_REFUSED: Duration = Duration::from_secs(60);
/// Pauses for sources that limit or ban us without saying for how long.
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_BANNED: Duration = Duration::from_secs(120);
/// The longest pauses that are believed: limits are counted by the minute, and Binance bans for three days at most.
const LONGEST: Duration = Duration::from_secs(60 * 60);
const LONGEST_BANNED: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// So many redirects are followed.
const REDIRECTS: u32 = 3;
/// Larger answers are refused; the whole spot market's day is under 2 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A source's answer in its type, which who asked for it knows.
pub(super) type Value = Arc<dyn Any + Send + Sync>;
/// Reads an answer into its type. All that lies between a question and this is compiled once, not for each type.
pub(super) type Read = fn(&[u8]) -> Result<Value, serde_json::Error>;

/// What bounds the questions to one source.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Base URLs, tried in order.
    pub hosts: Vec<String>,
    /// Weight a minute.
    pub weight: u32,
    /// A key that the source takes in a header: name and value.
    pub key: Option<(&'static str, String)>,
    /// How long all attempts at one question may take.
    pub patience: Duration,
}

/// One source over HTTP.
#[derive(Debug)]
pub struct Exchange {
    source: Source,
    limits: Limits,
    budget: Budget,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The host that answered last.
    preferred: usize,
    failures: u32,
    resting: Option<Rest>,
    paused_until: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Rest {
    until: Instant,
    cause: String,
}

/// How a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be asked.
    Up,
    /// It asked for a pause of which this is left.
    Paused(Duration),
    /// It failed repeatedly, last for this cause, and is left alone for this long.
    Down(String, Duration),
}

enum Trouble {
    /// Another try would end the same.
    Final(Failure),
    /// The source wants a pause.
    Pause(Duration),
    /// This host cannot answer; another, or the same a little later, may.
    Host(Fault),
}

/// Why a host cannot answer.
enum Fault {
    Down(String),
    /// It answers what is no answer.
    Nonsense(String),
    /// It does not answer us, now or later. Whether it is the country that it refuses.
    Refuses(String, bool),
}

impl Exchange {
    /// Nothing is connected yet.
    pub fn new(source: Source, limits: Limits) -> Self {
        let budget = Budget::new(limits.weight);
        Self {
            source,
            limits,
            budget,
            state: Mutex::default(),
        }
    }

    /// How the source is.
    pub fn standing(&self) -> Standing {
        let state = self.lock();
        let now = Instant::now();
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return Standing::Paused(until - now);
        }
        match &state.resting {
            Some(rest) if rest.until > now => Standing::Down(rest.cause.clone(), rest.until - now),
            _ => Standing::Up,
        }
    }

    /// The weight spent this minute.
    pub fn spent(&self) -> u32 {
        self.budget.spent()
    }

    /// The answer, read.
    pub async fn fetch(
        &self,
        client: &reqwest::Client,
        metrics: &Metrics,
        call: &Call,
        read: Read,
    ) -> Result<Value, Failure> {
        self.may_ask()?;
        let attempts = self.attempts(client, metrics, call, read);
        match tokio::time::timeout(self.limits.patience, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.failed(Fault::Down("it takes too long".into()), false)),
        }
    }

    async fn attempts(
        &self,
        client: &reqwest::Client,
        metrics: &Metrics,
        call: &Call,
        read: Read,
    ) -> Result<Value, Failure> {
        let target = call.target();
        let hosts = self.limits.hosts.len();
        let first = self.lock().preferred;
        let mut refusing = Vec::new();
        let mut country = true;
        let mut fault = None;
        for attempt in 0..(ATTEMPTS as usize).max(hosts) {
            let mut next = (0..hosts).map(|step| (first + attempt + step) % hosts);
            let Some(index) = next.find(|index| !refusing.contains(index)) else {
                break;
            };
            if attempt > 0 {
                // Full jitter, so that many waiting instances do not ask in step.
                let most = 100 << attempt.min(3);
                tokio::time::sleep(Duration::from_millis(rand::random_range(10..most))).await;
            }
            match self.budget.take(call.weight) {
                Turn::After(pause) => tokio::time::sleep(pause).await,
                Turn::Refused(retry) => return Err(self.limited(retry)),
            }
            let outcome = self
                .once(client, &self.limits.hosts[index], &target, call, read)
                .await;
            let label = match &outcome {
                Ok(_) => "ok",
                Err(Trouble::Final(_)) => "refused",
                Err(Trouble::Pause(_)) => "limited",
                Err(Trouble::Host(_)) => "failed",
            };
            metrics.upstream(self.source.name(), label);
            match outcome {
                Ok(value) => {
                    let mut state = self.lock();
                    state.preferred = index;
                    state.failures = 0;
                    return Ok(value);
                }
                Err(Trouble::Final(failure)) => {
                    self.lock().failures = 0;
                    return Err(failure);
                }
                Err(Trouble::Pause(pause)) => {
                    let until = Some(Instant::now() + pause);
                    let mut state = self.lock();
                    state.paused_until = state.paused_until.max(until);
                    return Err(self.limited(pause));
                }
                Err(Trouble::Host(Fault::Refuses(why, of_country))) => {
                    refusing.push(index);
                    country &= of_country;
                    fault = Some(Fault::Refuses(why, of_country));
                }
                // That a host refuses us is what somebody can mend, whatever the others have.
                Err(Trouble::Host(why)) => {
                    fault = Some(fault.filter(|_| !refusing.is_empty()).unwrap_or(why));
                }
            }
        }
        let fault = fault.unwrap_or_else(|| Fault::Down("there is no host to ask".into()));
        Err(self.failed(fault, country && refusing.len() == hosts))
    }

    async fn once(
        &self,
        client: &reqwest::Client,
        host: &str,
        target: &str,
        call: &Call,
        read: Read,
    ) -> Result<Value, Trouble> {
        let down = |error: reqwest::Error| Trouble::Host(Fault::Down(root_cause(error)));
        let nonsense = |cause: String| Trouble::Host(Fault::Nonsense(cause));
        let mut response = self.sent(client, &format!("{host}{target}")).await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(weight) = header("x-mbx-used-weight-1m").and_then(|value| value.parse().ok()) {
            self.budget.reported(weight);
        }
        let status = response.status().as_u16();
        let pause = pause(status, header("retry-after"), SystemTime::now());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(down)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(nonsense("it is too long".into()));
            }
            body.extend_from_slice(&chunk);
        }
        let is_page = body.trim_ascii_start().starts_with(b"<");
        match status {
            200 if is_page => Err(nonsense("it is a page, not data".into())),
            200 => read(&body).map_err(|error| nonsense(error.to_string())),
            418 | 429 => Err(Trouble::Pause(pause)),
            401 | 403 | 451 => Err(Trouble::Host(self.refuses(status))),
            500.. => Err(Trouble::Host(Fault::Down(format!(
                "it answered with status {status}"
            )))),
            // Whoever answers there is not the source.
            404 | 405 | 407 | 410 if is_page => Err(nonsense(format!(
                "it is a page with status {status}; {} says where it is asked",
                self.source.setting()
            ))),
            400.. => Err(Trouble::Final(self.refusal(status, &body, call))),
            _ => Err(nonsense(format!("its status is {status}"))),
        }
    }

    /// The answer's head, after redirects. The key goes to the host that it is for and to no other.
    async fn sent(&self, client: &reqwest::Client, url: &str) -> Result<Response, Trouble> {
        let down = |cause: String| Trouble::Host(Fault::Down(cause));
        let first = Url::parse(url).map_err(|error| {
            let setting = self.source.setting();
            down(format!("{setting} names no host that can be asked: {error}"))
        })?;
        let mut url = first.clone();
        for _ in 0..=REDIRECTS {
            let mut request = client.get(url.clone());
            if let Some((name, value)) = self.limits.key.as_ref().filter(|_| may_have_key(&first, &url)) {
                request = request.header(*name, value);
            }
            let response = request.send().await.map_err(|error| down(root_cause(error)))?;
            let location = response
                .headers()
                .get("location")
                .filter(|_| response.status().is_redirection());
            let Some(location) = location.and_then(|location| location.to_str().ok()) else {
                return Ok(response);
            };
            url = url
                .join(location)
                .map_err(|error| down(format!("it redirects to no address: {error}")))?;
        }
        Err(down(format!("it redirects more than {REDIRECTS} times")))
    }

    /// What it means that a host does not want us, and what can be set for that.
    fn refuses(&self, status: u16) -> Fault {
        let hosts = self.source.setting();
        let why = match (status, self.limits.key.is_some(), self.source) {
            (401, true, _) => {
                "it does not take this service's key (status 401); set COINGECKO_API_KEY".into()
            }
            (_, false, Source::CoinGecko) if status != 451 => {
                format!(
                    "it refuses this service's address (status {status}); set COINGECKO_API_KEY, or {hosts} to a host that serves it"
                )
            }
            (451, ..) => {
                format!(
                    "it refuses the country that this service asks from (status 451); set {hosts} to a host that serves it"
                )
            }
            _ => {
                format!(
                    "it refuses this service's address (status {status}); set {hosts} to a host that serves it"
                )
            }
        };
        Fault::Refuses(why, status == 451)
    }

    /// What a 4xx means: Binance's code -1121 is an invalid symbol, CoinGecko's 404 an unknown coin.
    fn refusal(&self, status: u16, body: &[u8], call: &Call) -> Failure {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let name = call
            .query
            .iter()
            .find(|(name, _)| *name == "symbol" || *name == "symbols");
        let unknown = body["code"] == -1121 || (self.source == Source::CoinGecko && status == 404);
        if unknown {
            return Failure::Unknown {
                what: match self.source {
                    Source::Spot => "the spot pair",
                    Source::Futures => "the futures contract",
                    Source::CoinGecko => "the coin",
                },
                name: match name {
                    Some((_, symbol)) => symbol.clone(),
                    None => call.path.rsplit('/').next().unwrap_or_default().to_owned(),
                },
                near: Vec::new(),
            };
        }
        let said = [&body["msg"], &body["error"]]
            .into_iter()
            .find_map(serde_json::Value::as_str);
        Failure::Input(match said {
            Some(said) => format!("{} refuses the question: {said}", self.source.title()),
            None => format!(
                "{} refuses the question with status {status}",
                self.source.title()
            ),
        })
    }

    fn may_ask(&self) -> Result<(), Failure> {
        let mut state = self.lock();
        let now = Instant::now();
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return Err(self.limited(until - now));
        }
        if let Some(rest) = &state.resting {
            if rest.until > now {
                let cause = format!("{}, so that it is left alone", rest.cause);
                return Err(self.down(cause, rest.until - now));
            }
            // One question goes through; one more failure closes the way again.
            state.resting = None;
            state.failures = FAILURES_TO_OPEN - 1;
        }
        Ok(())
    }

    /// One more question failed, or all do: every host refuses the country.
    fn failed(&self, fault: Fault, all_do: bool) -> Failure {
        let (cause, nonsense) = match fault {
            Fault::Down(cause) | Fault::Refuses(cause, _) => (cause, None),
            Fault::Nonsense(cause) => (
                format!("it answered what cannot be understood ({cause})"),
                Some(cause),
            ),
        };
        let mut state = self.lock();
        state.failures += 1;
        let mut retry = Duration::from_secs(1);
        if all_do || state.failures >= FAILURES_TO_OPEN {
            retry = if all_do { REST_REFUSED } else { REST };
            state.resting = Some(Rest {
                until: Instant::now() + retry,
                cause: cause.clone(),
            });
        }
        match nonsense {
            Some(cause) => Failure::Nonsense {
                source_name: self.source.title(),
                cause,
            },
            None => self.down(cause, retry),
        }
    }

    fn down(&self, cause: String, retry: Duration) -> Failure {
        Failure::Down {
            source_name: self.source.title(),
            cause,
            retry,
        }
    }

    fn limited(&self, retry: Duration) -> Failure {
        Failure::Limited {
            source_name: self.source.title(),
            retry,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what is meant for the first address may be sent to another: it is the same host, by no weaker way.
fn may_have_key(first: &Url, url: &Url) -> bool {
    first.origin() == url.origin() || (first.host() == url.host() && url.scheme() == "https")
}

/// The pause that a source asks for, in seconds or as a date; within reason, whatever it says.
fn pause(status: u16, said: Option<&str>, now: SystemTime) -> Duration {
    let (unsaid, longest) = match status {
        418 => (PAUSE_BANNED, LONGEST_BANNED),
        _ => (PAUSE, LONGEST),
    };
    let said = said.map(str::trim).and_then(|said| {
        if said.starts_with(|c: char| c.is_ascii_digit()) {
            // What is too much for a number is too much for a pause.
            let seconds: f64 = said.parse().ok()?;
            return Some(Duration::try_from_secs_f64(seconds).unwrap_or(longest));
        }
        let until = httpdate::parse_http_date(said).ok()?;
        Some(until.duration_since(now).unwrap_or_default())
    });
    said.unwrap_or(unsaid).clamp(Duration::from_secs(1), longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_long_as_is_said_within_reason() {
        let now = httpdate::parse_http_date("Wed, 25 Nov 2026 12:00:00 GMT").expect("a date");
        for (status, said, seconds) in [
            (429, None, 30),
            (418, None, 120),
            (429, Some("7"), 7),
            (429, Some(" 7 "), 7),
            (429, Some("1.5"), 1),
            (429, Some("0"), 1),
            (429, Some("-5"), 30),
            (429, Some("soon"), 30),
            (429, Some(""), 30),
            (429, Some("NaN"), 30),
            (429, Some("7200"), 3600),
            (418, Some("7200"), 7200),
            (429, Some("18446744073709551615"), 3600),
            (418, Some("18446744073709551615"), 259_200),
            (429, Some("99999999999999999999999999999"), 3600),
            (429, Some("1e400"), 3600),
            (429, Some("Wed, 25 Nov 2026 12:01:30 GMT"), 90),
            (429, Some("Wednesday, 25-Nov-26 12:01:30 GMT"), 90),
            (429, Some("Wed, 25 Nov 2020 12:00:00 GMT"), 1),
            (418, Some("Fri, 31 Dec 9999 23:59:59 GMT"), 259_200),
        ] {
            assert_eq!(pause(status, said, now).as_secs(), seconds, "{status} {said:?}");
        }
    }

    #[test]
    fn a_key_goes_to_its_own_host_alone() {
        let may = |first: &str, url: &str| {
            may_have_key(&first.parse().expect("a URL"), &url.parse().expect("a URL"))
        };
        assert!(may("https://a.example/api", "https://a.example/v3"));
        assert!(may("http://a.example/api", "https://a.example/api"));
        assert!(!may("https://a.example/api", "http://a.example/api"));
        assert!(!may("https://a.example/api", "https://b.example/api"));
        assert!(!may(
            "https://a.example/api",
            "https://a.example.evil.example/api"
        ));
        assert!(!may("http://127.0.0.1:1000/api", "http://127.0.0.1:1001/api"));
    }
}
