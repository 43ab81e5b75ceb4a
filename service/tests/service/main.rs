//! The program as its users meet it: started, asked over HTTP and standard input, with sources that misbehave.

mod addresses;
mod compression;
mod found;
mod hostile;
mod issuer;
mod mcp;
mod oauth;
mod operation;
mod program;
mod rest;
mod sloppy;
mod source;
mod upstream;
