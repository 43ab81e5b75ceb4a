//! How many commands run at once on a connection: as many as its sshd allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// OpenSSH allows 10 sessions a connection (sshd_config(5), MaxSessions); two are left for others.
const SESSIONS: usize = 8;

/// How long sshd may take to clear a session away whose command has ended.
const CLEARED: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// The sessions of a connection.
pub(super) struct Sessions {
    free: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
    /// Whether there ever was one: then a refusal may be for one that is not cleared away yet.
    had: AtomicBool,
}

/// One session, until it is dropped.
pub(super) struct Place {
    permit: OwnedSemaphorePermit,
    _open: Open,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    pub fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(SESSIONS)),
            open: Arc::default(),
            had: AtomicBool::new(false),
        }
    }

    /// Waits for a free place. None if the connection is gone.
    pub async fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        self.open.fetch_add(1, Ordering::AcqRel);
        Some(Place {
            permit,
            _open: Open(Arc::clone(&self.open)),
        })
    }

    /// sshd has opened a session.
    pub fn opened(&self) {
        self.had.store(true, Ordering::Relaxed);
    }

    /// sshd opened no session for the `tries`-th time. How long to wait before the next try; none if there is no
    /// use in one.
    pub fn refused(&self, place: Place, tries: usize) -> Option<Duration> {
        let others = self.open.load(Ordering::Acquire).saturating_sub(1);
        if others > 0 {
            // It allows fewer than we thought: there are as many places as sessions are open, and the next try
            // waits for one of them.
            place.permit.forget();
            self.free.forget_permits(SESSIONS);
            return Some(Duration::ZERO);
        }
        let had = self.had.load(Ordering::Relaxed);
        CLEARED.get(tries).copied().filter(|_| had)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_shrink_to_what_sshd_allows() {
        let sessions = Sessions::new();
        let first = sessions.place().await.unwrap();
        sessions.opened();
        let second = sessions.place().await.unwrap();
        assert_eq!(sessions.refused(second, 0), Some(Duration::ZERO));
        let waits = tokio::time::timeout(Duration::from_millis(50), sessions.place());
        assert!(waits.await.is_err(), "there is one place");
        drop(first);
        let again = sessions.place().await.unwrap();
        assert_eq!(sessions.refused(again, 0), Some(CLEARED[0]));
        let last = sessions.place().await.unwrap();
        assert_eq!(sessions.refused(last, CLEARED.len()), None);
    }

    #[tokio::test]
    async fn a_host_that_never_opened_one_is_not_asked_again() {
        let sessions = Sessions::new();
        let place = sessions.place().await.unwrap();
        assert_eq!(sessions.refused(place, 0), None);
    }
}
