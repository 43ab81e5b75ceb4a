//! One source over HTTP: its hosts, its budget, its pauses.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Turn};
use super::{Call, Failure, Source};
use crate::metrics::Metrics;

/// How often one question is sent at most: all are reads, so asking again is safe.
const ATTEMPTS: u32 = 3;
/// After so many failed questions in a row the source is left alone for [`REST`].
const FAILURES_TO_OPEN: u32 = 5;
const REST: Duration = Duration::from_secs(10);
/// Pauses for sources that limit or ban us without saying for how long.
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_BANNED: Duration = Duration::from_secs(120);
/// Larger answers are refused; the whole spot market's day is under 2 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

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
    closed_until: Option<Instant>,
    paused_until: Option<Instant>,
}

enum Trouble {
    /// Another try would end the same.
    Final(Failure),
    /// The source wants a pause.
    Pause(Duration),
    /// This host cannot answer; another, or the same a little later, may.
    Host(String),
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

    /// Whether the source is left alone after failures.
    pub fn is_open(&self) -> bool {
        self.lock()
            .closed_until
            .is_some_and(|until| until > Instant::now())
    }

    /// The weight spent this minute.
    pub fn spent(&self) -> u32 {
        self.budget.spent()
    }

    /// The answer's body.
    pub async fn fetch(
        &self,
        client: &reqwest::Client,
        metrics: &Metrics,
        call: &Call,
    ) -> Result<Vec<u8>, Failure> {
        self.may_ask()?;
        match tokio::time::timeout(self.limits.patience, self.attempts(client, metrics, call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.failed("it takes too long".into())),
        }
    }

    async fn attempts(
        &self,
        client: &reqwest::Client,
        metrics: &Metrics,
        call: &Call,
    ) -> Result<Vec<u8>, Failure> {
        let target = call.target();
        let first = self.lock().preferred;
        let mut cause = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                // Full jitter, so that many waiting instances do not ask in step.
                let most = 100 * u64::from(2_u32.pow(attempt));
                tokio::time::sleep(Duration::from_millis(rand::random_range(10..most))).await;
            }
            match self.budget.take(call.weight) {
                Turn::After(pause) => tokio::time::sleep(pause).await,
                Turn::Refused(retry) => return Err(self.limited(retry)),
            }
            let index = (first + attempt as usize) % self.limits.hosts.len();
            let outcome = self.once(client, &self.limits.hosts[index], &target, call).await;
            let label = match &outcome {
                Ok(_) => "ok",
                Err(Trouble::Final(_)) => "refused",
                Err(Trouble::Pause(_)) => "limited",
                Err(Trouble::Host(_)) => "failed",
            };
            metrics.upstream(self.source.name(), label);
            match outcome {
                Ok(body) => {
                    let mut state = self.lock();
                    state.preferred = index;
                    state.failures = 0;
                    return Ok(body);
                }
                Err(Trouble::Final(failure)) => {
                    self.lock().failures = 0;
                    return Err(failure);
                }
                Err(Trouble::Pause(pause)) => {
                    self.lock().paused_until = Some(Instant::now() + pause);
                    return Err(self.limited(pause));
                }
                Err(Trouble::Host(why)) => cause = why,
            }
        }
        Err(self.failed(cause))
    }

    async fn once(
        &self,
        client: &reqwest::Client,
        host: &str,
        target: &str,
        call: &Call,
    ) -> Result<Vec<u8>, Trouble> {
        // The URL stays out of messages: it says nothing to who asked.
        let down = |error: reqwest::Error| Trouble::Host(root_cause(&error.without_url()));
        let mut request = client.get(format!("{host}{target}"));
        if let Some((name, value)) = &self.limits.key {
            request = request.header(*name, value);
        }
        let mut response = request.send().await.map_err(down)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(weight) = header("x-mbx-used-weight-1m").and_then(|value| value.parse().ok()) {
            self.budget.reported(weight);
        }
        let retry = header("retry-after").and_then(|value| value.parse().ok());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(down)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Trouble::Final(self.nonsense("it is too long")));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            200 => Ok(body),
            429 => Err(Trouble::Pause(retry.map_or(PAUSE, Duration::from_secs))),
            418 => Err(Trouble::Pause(retry.map_or(PAUSE_BANNED, Duration::from_secs))),
            451 => Err(Trouble::Host("it does not serve this location".into())),
            403 | 500.. => Err(Trouble::Host(format!("it answered with status {status}"))),
            _ => Err(Trouble::Final(self.refusal(status, &body, call))),
        }
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
        if let Some(until) = state.closed_until {
            if until > now {
                return Err(self.down("it failed repeatedly and is left alone".into(), until - now));
            }
            // One question goes through; one more failure closes the way again.
            state.closed_until = None;
            state.failures = FAILURES_TO_OPEN - 1;
        }
        Ok(())
    }

    fn failed(&self, cause: String) -> Failure {
        let mut state = self.lock();
        state.failures += 1;
        let mut retry = Duration::from_secs(1);
        if state.failures >= FAILURES_TO_OPEN {
            state.closed_until = Some(Instant::now() + REST);
            retry = REST;
        }
        self.down(cause, retry)
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

    fn nonsense(&self, cause: &str) -> Failure {
        Failure::Nonsense {
            source_name: self.source.title(),
            cause: cause.into(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it takes too long".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
