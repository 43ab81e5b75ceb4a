//! HTTP: who may ask, what a path means, how an answer is written.

mod access;
mod app;
mod body;
mod docs;
mod ending;
mod mcp;
mod message;
mod page;
mod protected;
mod rest;
mod target;

pub use access::network;
pub use app::App;

/// The answer to a request.
pub type Answer = hyper::Response<http_body_util::Full<hyper::body::Bytes>>;
