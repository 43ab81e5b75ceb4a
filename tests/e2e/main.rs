//! hostwright as a user runs it, against booted hosts: the real program, sshd, apt, nginx, supervisor, ufw.

mod apt;
mod binary;
mod certificate;
mod checks;
mod converge;
mod firewall;
mod cron;
mod host;
mod nginx;
mod supervisor;
mod safety;
mod transaction;
mod systemd;
mod logrotate;
mod main_job;
