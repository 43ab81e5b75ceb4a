//! Crypto-market data over MCP and REST.

mod analysis;
mod arguments;
mod chart;
pub mod client;
pub mod config;
mod connection;
mod fit;
mod http;
mod input;
mod log;
mod mcp;
mod metrics;
mod number;
mod schema;
pub mod serve;
pub mod settings;
mod time;
mod tool;
mod tools;
pub mod upstream;
mod wire;

pub use analysis::{indicators, patterns};
