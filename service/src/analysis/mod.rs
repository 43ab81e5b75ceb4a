//! Arithmetic on candles: no questions, no time, no state.

pub mod indicators;
pub mod patterns;
