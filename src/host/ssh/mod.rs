//! A connection to a host over SSH, and commands run on it as root.
