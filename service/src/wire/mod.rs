//! The exchanges' own shapes, and the questions that get them.

mod book;
mod candle;
pub mod coingecko;
pub mod futures;
pub mod names;
pub mod spot;

pub use book::{About, Book, Filter, Trade};
pub use candle::Candle;

use crate::input::Moment;
use crate::upstream::Call;

/// From when and until when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    start: Option<i64>,
    end: Option<i64>,
}

impl Span {
    /// What lies between two moments, whichever of them comes first: there is one such time, and no schema can say that
    /// they must come in order.
    pub fn new(start: Option<Moment>, end: Option<Moment>) -> Self {
        let (start, end) = (start.map(|moment| moment.0), end.map(|moment| moment.0));
        match start.zip(end) {
            Some((start, end)) => Self {
                start: Some(start.min(end)),
                end: Some(start.max(end)),
            },
            None => Self { start, end },
        }
    }

    fn of(self, mut call: Call) -> Call {
        if let Some(start) = self.start {
            call = call.with("startTime", start.to_string());
        }
        if let Some(end) = self.end {
            call = call.with("endTime", end.to_string());
        }
        call
    }
}
