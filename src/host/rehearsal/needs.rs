//! What this machine must have to boot throwaway hosts, and how it gets it.

use std::fmt;
use std::path::Path;

use super::cgroup;
use super::command::{program, run};
use super::error::RehearsalError;

/// Something that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What, for a person.
    pub what: String,
    /// The Debian and Ubuntu package that brings it, if one does.
    pub package: Option<&'static str>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The programs that are run, each with its package.
const PROGRAMS: [(&str, &str); 8] = [
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("ssh-keygen", "openssh-client"),
    ("nsenter", "util-linux"),
    ("chroot", "coreutils"),
    ("apt-get", "apt"),
];

/// What this machine lacks; nothing, if it can boot throwaway hosts.
#[must_use]
pub fn missing() -> Vec<Missing> {
    if !cfg!(target_os = "linux") {
        return vec![Missing {
            what: "Linux".to_owned(),
            package: None,
        }];
    }
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push(Missing {
            what: "root rights".to_owned(),
            package: None,
        });
    }
    for (name, package) in PROGRAMS {
        if !on_path(name) {
            missing.push(Missing {
                what: format!("the program {name}"),
                package: Some(package),
            });
        }
    }
    if let Some(problem) = cgroup::problem() {
        missing.push(Missing {
            what: problem,
            package: None,
        });
    }
    if !std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("overlay")) {
        // The kernel may still have it as a module; a mount would load it.
        let _ = program("modprobe").arg("overlay").output();
        if !std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("overlay")) {
            missing.push(Missing {
                what: "overlayfs in the kernel".to_owned(),
                package: None,
            });
        }
    }
    missing
}

/// Installs `packages` on this machine with apt-get.
///
/// # Errors
/// When apt-get fails even with fresh package lists.
pub fn install(packages: &[&str]) -> Result<(), RehearsalError> {
    const HELP: &str = "see that apt-get works on this machine";
    let install = || {
        let mut command = program("apt-get");
        command.args([
            "install",
            "-y",
            "--no-install-recommends",
            "-o",
            "DPkg::Lock::Timeout=120",
        ]);
        run(command.args(packages), HELP)
    };
    if install().is_err() {
        run(program("apt-get").arg("update"), HELP)?;
        install()?;
    }
    Ok(())
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| Path::new(&dir).join(name).is_file()))
}
