//! Crypto-market data over MCP and REST. The modules stand on floors: each uses only what stands below it.

pub mod serve;

mod connection;

mod http;

mod mcp;

pub mod config;

pub mod settings;

pub mod client;

mod tools;

mod chart;

mod analysis;

mod tool;

mod fit;

mod finished;

mod wire;

mod arguments;

mod schema;

pub mod upstream;

mod tokens;

mod metrics;

mod pair;

mod input;

mod source;

mod number;

mod time;

mod log;

mod cause;

pub use analysis::{indicators, patterns};
