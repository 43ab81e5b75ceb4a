//! Crypto-market data over MCP and REST.

mod analysis;
mod chart;
pub mod client;
pub mod config;
mod fixtures;
mod http;
mod input;
mod log;
mod mcp;
mod metrics;
mod number;
pub mod serve;
pub mod settings;
mod tool;
mod tools;
pub mod upstream;
mod wire;

pub use analysis::{indicators, patterns};
