//! The end of the service, as requests notice it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

/// What is said to who is not answered in time.
pub const CUT: &str = "the service ends before this is answered; ask again";

/// Whether the service is ending, and which requests it leaves unanswered.
#[derive(Debug)]
pub struct Ending {
    draining: AtomicBool,
    cut: watch::Sender<bool>,
    unanswered: AtomicUsize,
}

impl Ending {
    /// Not yet.
    pub fn new() -> Self {
        Self {
            draining: AtomicBool::new(false),
            cut: watch::Sender::new(false),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// Open requests are to finish.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether open requests are to finish.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Open requests have had their time.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Waits until an open request has had its time, and counts it.
    pub async fn is_cut(&self) {
        // The sender is ours, so that this ends with the value alone.
        let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were cut.
    pub fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }
}
