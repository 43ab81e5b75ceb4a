//! A source's weight a minute: spent freely at first, then spread over what is left of the minute.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The share of the limit from which calls are spread, and the share that is never passed:
/// others may share our address, and a source bans who passes its limit.
const SPREAD_FROM: f64 = 0.6;
const NEVER_PASS: f64 = 0.9;

/// What one source has been asked this minute.
#[derive(Debug)]
pub struct Budget {
    limit: u32,
    spent: Mutex<Spent>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    minute: u64,
    weight: u32,
}

/// What to do with a call.
#[derive(Debug, PartialEq)]
pub enum Turn {
    /// Ask after this pause.
    After(Duration),
    /// Do not ask before this long.
    Refused(Duration),
}

impl Budget {
    /// Nothing spent of `limit` a minute.
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            spent: Mutex::default(),
        }
    }

    /// Takes `weight` out of this minute's budget, or refuses.
    pub fn take(&self, weight: u32) -> Turn {
        let (minute, left) = now();
        let mut spent = self.this_minute(minute);
        let turn = plan(self.limit, spent.weight, weight, left);
        if matches!(turn, Turn::After(_)) {
            spent.weight = spent.weight.saturating_add(weight);
        }
        turn
    }

    /// The source says that this much is spent; who shares our address spends too.
    pub fn reported(&self, weight: u32) {
        let mut spent = self.this_minute(now().0);
        spent.weight = spent.weight.max(weight);
    }

    /// What is spent this minute.
    pub fn spent(&self) -> u32 {
        self.this_minute(now().0).weight
    }

    fn this_minute(&self, minute: u64) -> std::sync::MutexGuard<'_, Spent> {
        let mut spent = self
            .spent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if spent.minute != minute {
            *spent = Spent { minute, weight: 0 };
        }
        spent
    }
}

/// The minute of the clock, which the exchanges count by, and what is left of it.
fn now() -> (u64, Duration) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let into = Duration::new(since.as_secs() % 60, since.subsec_nanos());
    (since.as_secs() / 60, Duration::from_secs(60) - into)
}

fn plan(limit: u32, spent: u32, weight: u32, left: Duration) -> Turn {
    let after = f64::from(spent) + f64::from(weight);
    let ceiling = f64::from(limit) * NEVER_PASS;
    if after > ceiling {
        return Turn::Refused(left);
    }
    if after <= f64::from(limit) * SPREAD_FROM {
        return Turn::After(Duration::ZERO);
    }
    let share = f64::from(weight) / (ceiling - f64::from(spent)).max(1.0);
    Turn::After(left.mul_f64(share.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_slow_down_before_the_limit_and_stop_short_of_it() {
        let left = Duration::from_secs(30);
        assert_eq!(plan(6000, 0, 80, left), Turn::After(Duration::ZERO));
        assert_eq!(
            plan(6000, 3600, 100, left),
            Turn::After(left.mul_f64(100.0 / 1800.0))
        );
        assert_eq!(plan(6000, 5390, 80, left), Turn::Refused(left));
    }

    #[test]
    fn what_the_source_reports_counts() {
        let budget = Budget::new(100);
        assert_eq!(budget.take(1), Turn::After(Duration::ZERO));
        budget.reported(90);
        assert!(matches!(budget.take(1), Turn::Refused(_)));
        budget.reported(3);
        assert_eq!(budget.spent(), 90, "a late report takes nothing back");
    }
}
