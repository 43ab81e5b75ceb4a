//! hostwright as a user runs it, against booted hosts: the real program, sshd, apt, nginx, supervisor, ufw.

mod converge;
mod host;
mod nginx;
mod transaction;
