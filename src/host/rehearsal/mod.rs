//! Throwaway systemd hosts on this machine: a cached image, an overlay on it, a network
//! namespace of its own, systemd as PID 1 and a real sshd.

mod base;
mod bootstrap;
mod cgroup;
mod command;
mod container;
mod derive;
mod disk;
mod error;
mod image;
mod kept;
mod keys;
mod machine;
mod needs;
mod network;
mod seed;
mod slot;

pub use base::Base;
pub use error::{Missing, RehearsalError};
pub use image::{Image, image};
pub use kept::{Kept, kept, remove_kept};
pub use machine::{BootOptions, Rehearsal};
pub use needs::{install, missing};
pub use seed::cloud_image;
pub use slot::remove_abandoned;
