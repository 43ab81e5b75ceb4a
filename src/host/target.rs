//! Where a host is: the `[user@]host[:port]` of the command line and `~/.ssh/config`.
