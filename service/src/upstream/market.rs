//! Answers of all sources: kept while they are good, asked for once however many wait for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::future::Cache;
use serde::de::DeserializeOwned;

use super::exchange::{Read, Value};
use super::{Call, Exchange, Failure, Lifetimes, Limits, Source, Standing, recorded};
use crate::input::Symbol;
use crate::metrics::Metrics;
use crate::pair::Pair;
use crate::time;

/// How many different answers are kept.
const CAPACITY: u64 = 4_000;
/// How long it is remembered that a name is unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How long a failure answers everyone who asks the same.
const FAILED_FOR: Duration = Duration::from_millis(500);

/// Longer than any answer is good.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

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
    /// Names that their source does not know, whatever is asked about them.
    unknown: Cache<(Source, String), Failure>,
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
            // A source's key must not follow them to other hosts.
            .redirect(reqwest::redirect::Policy::none())
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
        let unknown = Cache::builder().max_capacity(CAPACITY).time_to_live(UNKNOWN_FOR);
        Ok(Self {
            exchanges,
            client,
            cache,
            unknown: unknown.build(),
            lifetimes,
            metrics,
        })
    }

    /// Whether answers are recorded ones.
    pub fn is_recorded(&self) -> bool {
        self.exchanges.is_none()
    }

    /// Each live source with the weight spent this minute and how it is.
    pub fn states(&self) -> impl Iterator<Item = (Source, u32, Standing)> {
        let exchanges = self.exchanges.iter().flatten();
        Source::ALL
            .into_iter()
            .zip(exchanges)
            .map(|(source, exchange)| (source, exchange.spent(), exchange.standing()))
    }

    /// So many answers were wanted, and already were part of one that was given.
    pub fn found(&self, lookups: u64) {
        self.metrics.cache("hit", lookups);
    }

    /// The answer, and what is known of it.
    async fn get(&self, call: &Call, read: Read) -> Result<Answered, Failure> {
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
        let stale = slot.failure.is_some();
        let outcome = match (fresh, stale) {
            (_, true) => "stale",
            (true, false) => "miss",
            (false, false) => "hit",
        };
        self.metrics.cache(outcome, 1);
        Ok(Answered {
            value: Arc::clone(&good.value),
            due: slot.due,
            stale,
            age: good.since.elapsed(),
        })
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
        let Some(exchanges) = &self.exchanges else {
            let body = recorded(call.source, &call.path, &call.query)?;
            return read(body.as_bytes()).map_err(|error| Failure::Nonsense {
                source_name: call.source.title(),
                cause: error.to_string(),
            });
        };
        let about = call.about().map(|name| (call.source, name.to_owned()));
        if let Some(about) = &about
            && let Some(failure) = self.unknown.get(about).await
        {
            return Err(failure);
        }
        let exchange = &exchanges[call.source as usize];
        let answer = exchange.fetch(&self.client, &self.metrics, call, read).await;
        if let (Some(about), Err(failure @ Failure::Unknown { .. })) = (about, &answer) {
            self.unknown.insert(about, failure.clone()).await;
        }
        answer
    }
}

fn no_value(call: &Call) -> Failure {
    Failure::Nonsense {
        source_name: call.source.title(),
        cause: "there is no value".into(),
    }
}

/// An answer of a source.
struct Answered {
    value: Value,
    /// When it is asked for again.
    due: Instant,
    /// Whether it is older than it should be.
    stale: bool,
    age: Duration,
}

/// How long what was made of some answers is good.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// When the first of them is due.
    pub until: Instant,
    /// How many there were.
    pub lookups: u64,
    /// When the oldest of them was so, in milliseconds since 1970.
    pub as_of: i64,
}

/// Who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Programs, by a route.
    Programs,
    /// Models, over MCP: so many characters at most.
    Models {
        /// Characters.
        room: Option<usize>,
    },
}

/// Questions on behalf of one request, which learns who answered and how old the answers were.
#[derive(Debug)]
pub struct Ask<'a> {
    market: &'a Market,
    /// Who is answered in the end.
    pub audience: Audience,
    began: Instant,
    known: Mutex<Known>,
}

/// What is known of the answers so far.
#[derive(Debug)]
struct Known {
    /// The oldest answer's age.
    age: Duration,
    /// Whether an answer is older than it should be.
    stale: bool,
    /// Until when every answer is good; none when one failed or is older than it should be.
    good_until: Option<Instant>,
    lookups: u64,
    /// Who was asked, by discriminant.
    sources: [bool; 3],
    /// What symbols were taken for.
    pairs: Vec<(Source, Symbol, Pair)>,
    /// What was asked and answered: an equal question is not asked again, though it may be due.
    answered: Vec<(Call, Result<Value, Failure>)>,
}

impl<'a> Ask<'a> {
    /// No question asked yet.
    pub fn new(market: &'a Market, audience: Audience) -> Self {
        let began = Instant::now();
        Self {
            market,
            audience,
            began,
            known: Mutex::new(Known {
                age: Duration::ZERO,
                stale: false,
                good_until: began.checked_add(FOREVER),
                lookups: 0,
                sources: [false; 3],
                pairs: Vec::new(),
                answered: Vec::new(),
            }),
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

    /// The answer to a question whose age says nothing of the request's answer.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn aside<T>(&self, call: &Call) -> Result<Arc<T>, Failure>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let answered = self.market.get(call, read::<T>).await?;
        answered.value.downcast().map_err(|_| no_value(call))
    }

    async fn value(&self, call: &Call, read: Read) -> Result<Value, Failure> {
        if let Some((_, answer)) = self.known().answered.iter().find(|(asked, _)| asked == call) {
            return answer.clone();
        }
        let answer = self.market.get(call, read).await;
        let mut known = self.known();
        let said = answer.as_ref().map(|answered| Arc::clone(&answered.value));
        known.answered.push((call.clone(), said.map_err(Clone::clone)));
        known.lookups += 1;
        known.sources[call.source as usize] = true;
        let good_until = match &answer {
            Ok(answered) if !answered.stale => Some(answered.due),
            _ => None,
        };
        known.good_until = known
            .good_until
            .zip(good_until)
            .map(|(known, new)| known.min(new));
        let answered = answer?;
        known.age = known.age.max(answered.age);
        known.stale |= answered.stale;
        Ok(answered.value)
    }

    /// The pair that a symbol is taken for.
    pub fn pair(&self, source: Source, symbol: &Symbol) -> Pair {
        let mut known = self.known();
        let same = known
            .pairs
            .iter()
            .find(|(at, of, _)| *at == source && of == symbol);
        if let Some((.., pair)) = same {
            return pair.clone();
        }
        let pair = Pair::guess(symbol);
        known.pairs.push((source, symbol.clone(), pair.clone()));
        pair
    }

    /// What symbols were taken for.
    pub fn guesses(&self) -> Vec<(Source, Symbol, Pair)> {
        self.known().pairs.clone()
    }

    /// From now on the symbol means this pair. What was answered to the guess is no part of the answer.
    pub fn settle(&self, source: Source, symbol: Symbol, pair: Pair) {
        let mut known = self.known();
        known.good_until = self.began.checked_add(FOREVER);
        known.lookups = 0;
        known.answered.clear();
        known.pairs.retain(|(at, of, _)| *at != source || *of != symbol);
        known.pairs.push((source, symbol, pair));
    }

    /// Whether answers are recorded ones.
    pub fn is_recorded(&self) -> bool {
        self.market.is_recorded()
    }

    /// How long what is made of the answers is good; none without answers, and when one failed or is older than it
    /// should be.
    pub fn fresh(&self) -> Option<Fresh> {
        let as_of = self.as_of();
        let known = self.known();
        let until = known
            .good_until
            .filter(|until| known.lookups > 0 && *until > self.began)?;
        Some(Fresh {
            until,
            lookups: known.lookups,
            as_of,
        })
    }

    /// How old the oldest answer was, in seconds, when one was older than it should be.
    pub fn stale_seconds(&self) -> Option<u64> {
        let known = self.known();
        let seconds = u64::try_from(known.age.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        known.stale.then_some(seconds.max(1))
    }

    /// Who was asked.
    pub fn sources(&self) -> String {
        let asked = self.known().sources;
        let asked = Source::ALL.into_iter().filter(|source| asked[*source as usize]);
        asked.map(Source::title).collect::<Vec<_>>().join(", ")
    }

    /// When the oldest answer was so, in milliseconds since 1970.
    pub fn as_of(&self) -> i64 {
        if self.is_recorded() {
            return super::recorded::AT;
        }
        let age = i64::try_from(self.known().age.as_millis()).unwrap_or(i64::MAX);
        time::now().saturating_sub(age)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers each question with how many there were.
    fn counting() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 4096]);
                let body = (count.fetch_add(1, Ordering::Relaxed) + 1).to_string();
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (host, asked)
    }

    /// An answer that is due at once is asked for again by the next request, and not by the one that has it.
    #[tokio::test]
    async fn a_request_asks_the_same_question_once() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (host, asked) = counting();
        let limits = Limits {
            hosts: vec![host],
            weight: 1000,
            key: None,
            patience: Duration::from_secs(5),
        };
        let lifetimes = Lifetimes {
            price: Duration::ZERO,
            list: Duration::ZERO,
            reference: Duration::ZERO,
            stale: Duration::from_secs(1),
        };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let setup = Setup::Live(Box::new([limits.clone(), limits.clone(), limits]));
        let market = Market::new(&setup, lifetimes, metrics).expect("a client");
        let call = Call::new(Source::Spot, "/api/v3/time");
        for request in 1..=2 {
            let ask = Ask::new(&market, Audience::Programs);
            for _ in 0..3 {
                assert_eq!(ask.get::<usize>(&call).await.as_deref(), Ok(&request));
            }
            assert_eq!(asked.load(Ordering::Relaxed), request);
        }
    }
}
