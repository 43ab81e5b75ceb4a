//! hostwright as a user runs it, against booted hosts: the real program, sshd, apt, nginx, supervisor, ufw.

mod accounts;
mod apt;
mod binary;
mod certificate;
mod checks;
mod converge;
mod cron;
mod fail2ban;
mod firewall;
mod host;
mod logrotate;
mod main_job;
mod nginx;
mod paths;
mod power;
mod safety;
mod shells;
mod sshd;
mod supervisor;
mod supervisor_states;
mod sysctl;
mod systemd;
mod transaction;
mod transfer;
mod tree;
mod unit_files;
