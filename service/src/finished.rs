//! Answers that may be given again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;

use crate::upstream::Fresh;

/// So many bytes are kept.
const CAPACITY: u64 = 4 * 1024 * 1024;
/// What an answer takes beside its text: its place, and what is said of it.
const OVERHEAD: u64 = 1024;
/// How long an answer is kept at most, for those that nobody asks for to go.
const LONGEST: Duration = Duration::from_secs(60);

/// Answers by what was asked: a tool's answer follows from its arguments and what the sources said, so that it stays
/// the same while that is good.
#[derive(Debug)]
pub struct Finished<T: Clone + Send + Sync + 'static>(Cache<String, Arc<Kept<T>>>);

#[derive(Debug)]
struct Kept<T> {
    answer: T,
    /// How many bytes it has.
    length: u64,
    fresh: Fresh,
}

impl<T: Clone + Send + Sync + 'static> Finished<T> {
    /// None yet.
    pub fn new() -> Self {
        let weigh = |question: &String, kept: &Arc<Kept<T>>| {
            u32::try_from(kept.length + question.len() as u64 + OVERHEAD).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(CAPACITY).weigher(weigh);
        Self(cache.time_to_live(LONGEST).build())
    }

    /// The answer, and what it was made of; none when a part of that is due.
    pub async fn get(&self, question: &str) -> Option<(T, Fresh)> {
        let kept = self.0.get(question).await?;
        (Instant::now() < kept.fresh.until).then(|| (kept.answer.clone(), kept.fresh))
    }

    /// Keeps an answer of so many bytes.
    pub async fn keep(&self, question: String, answer: T, length: u64, fresh: Fresh) {
        let kept = Kept {
            answer,
            length,
            fresh,
        };
        self.0.insert(question, Arc::new(kept)).await;
    }
}
