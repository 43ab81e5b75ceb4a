//! What this machine must have to boot throwaway hosts, and how it gets it.

use super::cgroup;
use super::command::{path, program, run};
use super::error::{Missing, RehearsalError};

/// The programs that are run, each with its package.
const PROGRAMS: [(&str, &str); 9] = [
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("ssh-keygen", "openssh-client"),
    ("mount", "mount"),
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
    let mut lack = |what: String, package| missing.push(Missing { what, package });
    if !rustix::process::geteuid().is_root() {
        lack("root rights".to_owned(), None);
    } else if let Some(what) = cgroup::problem() {
        lack(what, None);
    } else if !has_overlay() {
        lack("overlayfs in the kernel".to_owned(), None);
    }
    for (name, package) in PROGRAMS {
        if !on_path(name) {
            lack(format!("the program {name}"), Some(package));
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
    std::env::split_paths(&path()).any(|dir| dir.join(name).is_file())
}

/// Whether the kernel can mount overlays; a module is loaded for it.
fn has_overlay() -> bool {
    let listed =
        || std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("\toverlay\n"));
    listed() || (program("modprobe").arg("overlay").output().is_ok() && listed())
}
