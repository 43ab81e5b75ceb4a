//! The `hostwright` command.
fn main() {}
