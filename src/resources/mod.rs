//! The kinds. One file each, and one line in the list of `playbook`.

pub mod absent;
pub mod apt;
pub mod backup;
pub mod binary;
mod certbot;
pub mod certificate;
pub mod command;
pub mod cron;
pub mod directory;
pub mod file;
pub mod link;
pub mod logrotate;
pub mod nginx;
pub mod pruned;
mod renewal;
mod renewal_conf;
pub mod supervised;
pub mod supervisor;
mod supervisor_config;
pub mod systemd;
mod systemd_files;
pub mod ufw;
pub mod user;
