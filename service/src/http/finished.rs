//! Answers of routes that may be sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Body;
use moka::future::Cache;

use super::Answer;
use crate::upstream::Fresh;

/// So many bytes are kept.
const CAPACITY: u64 = 4 * 1024 * 1024;
/// What an answer takes beside its body: its headers and its place.
const OVERHEAD: u64 = 1024;
/// How long an answer is kept at most, for those that nobody asks for to go.
const LONGEST: Duration = Duration::from_secs(60);

/// Answers by path and query: a tool's answer follows from its arguments and what the sources said, so that it stays
/// the same while that is good.
#[derive(Debug)]
pub struct Finished(Cache<String, Arc<Kept>>);

#[derive(Debug)]
struct Kept {
    answer: Answer,
    fresh: Fresh,
}

impl Finished {
    /// None yet.
    pub fn new() -> Self {
        let weigh = |target: &String, kept: &Arc<Kept>| {
            let body = kept.answer.body().size_hint().lower();
            u32::try_from(body + target.len() as u64 + OVERHEAD).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(CAPACITY).weigher(weigh);
        Self(cache.time_to_live(LONGEST).build())
    }

    /// The answer, and what it was made of; none when a part of that is due.
    pub async fn get(&self, target: &str) -> Option<(Answer, Fresh)> {
        let kept = self.0.get(target).await?;
        (Instant::now() < kept.fresh.until).then(|| (kept.answer.clone(), kept.fresh))
    }

    /// Keeps an answer.
    pub async fn keep(&self, target: &str, answer: &Answer, fresh: Fresh) {
        let answer = answer.clone();
        let kept = Arc::new(Kept { answer, fresh });
        self.0.insert(target.to_owned(), kept).await;
    }
}
