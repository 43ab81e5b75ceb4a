//! Answers of all sources: kept while they are good, asked for once however many wait for them.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::future::Cache;
use serde::de::DeserializeOwned;

use super::{Call, Exchange, Failure, Lifetimes, Limits, Source, recorded};
use crate::metrics::Metrics;

/// How many different answers are kept.
const CAPACITY: u64 = 4_000;
/// How long it is remembered that a name is unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How long a failure answers everyone who asks the same.
const FAILED_FOR: Duration = Duration::from_millis(500);

/// Where answers come from.
#[derive(Debug, Clone)]
pub enum Setup {
    /// The sources, in the order of [`Source::ALL`].
    Live(Box<[Limits; 3]>),
    /// What is bundled with the program.
    Recorded,
}

/// Answers of all sources.
#[derive(Debug)]
pub struct Market {
    exchanges: Option<[Exchange; 3]>,
    client: reqwest::Client,
    cache: Cache<Call, Arc<Slot>>,
    lifetimes: Lifetimes,
    metrics: Arc<Metrics>,
}

/// What is known of one answer.
#[derive(Debug)]
struct Slot {
    good: Option<Good>,
    failure: Option<Failure>,
    /// When it is asked for again.
    due: Instant,
}

#[derive(Debug, Clone)]
struct Good {
    value: Value,
    since: Instant,
}

/// A source's answer in its type, which who asked for it knows.
type Value = Arc<dyn Any + Send + Sync>;
/// Reads an answer into its type. All that lies between a question and this is compiled once, not for each type.
type Read = fn(&[u8]) -> Result<Value, serde_json::Error>;

fn read<T: DeserializeOwned + Send + Sync + 'static>(body: &[u8]) -> Result<Value, serde_json::Error> {
    Ok(Arc::new(serde_json::from_slice::<T>(body)?))
}

impl Market {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(setup: &Setup, lifetimes: Lifetimes, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("mcp-crypto-api/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(3))
            .read_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(60))
            .build()?;
        let exchanges = match setup {
            Setup::Live(limits) => {
                let [spot, futures, coingecko] = (**limits).clone();
                Some([
                    Exchange::new(Source::Spot, spot),
                    Exchange::new(Source::Futures, futures),
                    Exchange::new(Source::CoinGecko, coingecko),
                ])
            }
            Setup::Recorded => None,
        };
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(lifetimes.stale + lifetimes.reference)
            .build();
        Ok(Self {
            exchanges,
            client,
            cache,
            lifetimes,
            metrics,
        })
    }

    /// Whether answers are recorded ones.
    pub fn is_recorded(&self) -> bool {
        self.exchanges.is_none()
    }

    /// Each live source with the weight spent this minute and whether it is left alone after failures.
    pub fn states(&self) -> impl Iterator<Item = (Source, u32, bool)> {
        let exchanges = self.exchanges.iter().flatten();
        Source::ALL
            .into_iter()
            .zip(exchanges)
            .map(|(source, exchange)| (source, exchange.spent(), exchange.is_open()))
    }

    /// So many answers were wanted, and already were part of one that was given.
    pub fn found(&self, lookups: u64) {
        self.metrics.cache("hit", lookups);
    }

    /// The answer, when it is due to be asked for again, and how old it is when it is older than it should be.
    async fn get(&self, call: &Call, read: Read) -> Result<(Value, Instant, Option<Duration>), Failure> {
        let now = Instant::now();
        let (fresh, slot) = match self.cache.get(call).await.filter(|slot| now < slot.due) {
            Some(slot) => (false, slot),
            // Apart, for the state of a question to a source not to be part of every answer's.
            None => Box::pin(self.renewed(call, read, now)).await,
        };
        let Some(good) = &slot.good else {
            self.metrics.cache("failed", 1);
            return Err(slot.failure.clone().unwrap_or_else(|| no_value(call)));
        };
        let stale = slot.failure.as_ref().map(|_| good.since.elapsed());
        let outcome = match (fresh, stale) {
            (_, Some(_)) => "stale",
            (true, None) => "miss",
            (false, None) => "hit",
        };
        self.metrics.cache(outcome, 1);
        Ok((Arc::clone(&good.value), slot.due, stale))
    }

    /// Asks the source unless someone else does: whether it was us, and what is known now.
    async fn renewed(&self, call: &Call, read: Read, now: Instant) -> (bool, Arc<Slot>) {
        let entry = self.cache.entry_by_ref(call);
        let refreshed = self.refreshed(call, read);
        let entry = entry.or_insert_with_if(refreshed, |slot| slot.due <= now).await;
        (entry.is_fresh(), entry.into_value())
    }

    async fn refreshed(&self, call: &Call, read: Read) -> Arc<Slot> {
        let failure = match self.ask(call, read).await {
            Ok(value) => {
                let since = Instant::now();
                return Arc::new(Slot {
                    good: Some(Good { value, since }),
                    failure: None,
                    due: since + self.lifetimes.of(call.kind),
                });
            }
            Err(failure) => failure,
        };
        let previous = self.cache.get(call).await;
        let good = previous
            .and_then(|slot| slot.good.clone())
            .filter(|good| failure.may_be_bridged() && good.since.elapsed() < self.lifetimes.stale);
        let pause = if failure.may_be_bridged() {
            FAILED_FOR
        } else {
            UNKNOWN_FOR
        };
        Arc::new(Slot {
            good,
            failure: Some(failure),
            due: Instant::now() + pause,
        })
    }

    async fn ask(&self, call: &Call, read: Read) -> Result<Value, Failure> {
        let body = match &self.exchanges {
            Some(exchanges) => {
                let exchange = &exchanges[call.source as usize];
                exchange.fetch(&self.client, &self.metrics, call).await?
            }
            None => recorded(call.source, &call.path, &call.query)?.into_bytes(),
        };
        read(&body).map_err(|error| Failure::Nonsense {
            source_name: call.source.title(),
            cause: error.to_string(),
        })
    }
}

fn no_value(call: &Call) -> Failure {
    Failure::Nonsense {
        source_name: call.source.title(),
        cause: "there is no value".into(),
    }
}

/// How long what was made of some answers is good.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// When the first of them is due.
    pub until: Instant,
    /// How many there were.
    pub lookups: u64,
}

/// Questions on behalf of one request, which learns how old the answers were.
#[derive(Debug)]
pub struct Ask<'a> {
    market: &'a Market,
    /// Milliseconds; 0 when every answer is as fresh as it should be.
    oldest: AtomicU64,
    began: Instant,
    /// Milliseconds from then on for which every answer is good; 0 when one failed or is not as fresh as it should be.
    good_for: AtomicU64,
    lookups: AtomicU64,
}

impl<'a> Ask<'a> {
    /// No question asked yet.
    pub fn new(market: &'a Market) -> Self {
        Self {
            market,
            oldest: AtomicU64::new(0),
            began: Instant::now(),
            good_for: AtomicU64::new(u64::MAX),
            lookups: AtomicU64::new(0),
        }
    }

    /// The answer to one question.
    ///
    /// # Errors
    /// When the source cannot answer and no answer is young enough to stand in.
    pub async fn get<T>(&self, call: &Call) -> Result<Arc<T>, Failure>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let value = self.value(call, read::<T>).await?;
        value.downcast().map_err(|_| no_value(call))
    }

    async fn value(&self, call: &Call, read: Read) -> Result<Value, Failure> {
        let answer = self.market.get(call, read).await;
        let good_for = match &answer {
            Ok((_, due, None)) => due.saturating_duration_since(self.began).as_millis(),
            _ => 0,
        };
        let good_for = u64::try_from(good_for).unwrap_or(u64::MAX);
        self.good_for.fetch_min(good_for, Ordering::Relaxed);
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let (value, _, stale) = answer?;
        if let Some(age) = stale {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX).max(1);
            self.oldest.fetch_max(age, Ordering::Relaxed);
        }
        Ok(value)
    }

    /// Whether answers are recorded ones.
    pub fn is_recorded(&self) -> bool {
        self.market.is_recorded()
    }

    /// How long what is made of the answers is good; none without answers, and when one failed or is older than it
    /// should be.
    pub fn fresh(&self) -> Option<Fresh> {
        let lookups = self.lookups.load(Ordering::Relaxed);
        let good_for = Duration::from_millis(self.good_for.load(Ordering::Relaxed));
        let until = self.began.checked_add(good_for)?;
        (lookups > 0 && !good_for.is_zero()).then_some(Fresh { until, lookups })
    }

    /// How old the oldest answer was, in seconds, when one was older than it should be.
    pub fn stale_seconds(&self) -> Option<u64> {
        match self.oldest.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Some(milliseconds.div_ceil(1000)),
        }
    }
}
