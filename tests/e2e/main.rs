//! hostwright as a user runs it, against booted hosts: the real program, sshd, apt, nginx, supervisor, ufw.

mod accounts;
mod apt;
mod binary;
mod certificate;
mod checks;
mod converge;
mod cron;
mod firewall;
mod host;
mod logrotate;
mod main_job;
mod nginx;
mod safety;
mod sshd;
mod supervisor;
mod systemd;
mod transaction;
mod transfer;
mod tree;
