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
mod instances;
pub mod link;
pub mod logrotate;
pub mod nginx;
pub mod pruned;
mod renewal;
mod renewal_conf;
mod rolling;
pub mod supervised;
pub mod supervisor;
mod supervisor_config;
mod supervisor_instance;
pub mod systemd;
mod systemd_files;
mod systemd_instance;
pub mod ufw;
pub mod user;
