//! The image of a bare server: what debootstrap makes of a release, fit to boot here.

use std::fs::File;
use std::path::Path;

use super::base::Base;
use super::command::{follow, program, run};
use super::disk;
use super::error::RehearsalError;

const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,iproute2,ca-certificates,sudo";

/// Done in the new tree. Each line says what a host would otherwise do that a throwaway host
/// must not: wait for a terminal or a network manager, take dpkg's lock by itself at a time
/// of its own, share host keys with its likes, hold packages that it has installed.
const FINISH: &str = "set -eu
systemctl mask console-getty.service container-getty@.service getty@.service systemd-networkd-wait-online.service
systemctl disable apt-daily.timer apt-daily-upgrade.timer
rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d /etc/apt/sources.list
rm -rf /var/lib/apt/lists/*
apt-get clean
";

/// How a base image is made. Two that are equal make the same image.
pub(super) struct Recipe<'a> {
    base: &'a Base,
    /// Paths in the image and their contents.
    files: Vec<(&'static str, String)>,
}

impl<'a> Recipe<'a> {
    pub(super) fn new(base: &'a Base) -> Self {
        let mut files = vec![
            ("etc/apt/sources.list.d/archive.sources", base.deb822()),
            ("etc/default/locale", "LANG=C.UTF-8\n".to_owned()),
            (
                "etc/ssh/sshd_config.d/10-keys-only.conf",
                "PermitRootLogin prohibit-password\nPasswordAuthentication no\n".to_owned(),
            ),
        ];
        if !base.apt_conf().is_empty() {
            files.push(("etc/apt/apt.conf.d/90proxy", base.apt_conf()));
        }
        Self { base, files }
    }

    /// All that decides about the outcome, to be hashed.
    pub(super) fn text(&self) -> String {
        let files: String = self
            .files
            .iter()
            .map(|(path, contents)| format!("{path}\n{contents}\n"))
            .collect();
        format!(
            "{} {}\n{PACKAGES}\n{FINISH}\n{files}",
            self.base.suite(),
            self.base.mirror()
        )
    }

    /// Makes the image in `dir`, which is made too. debootstrap inherits `lock` as its (empty)
    /// input: should we be killed, nobody builds there while it still does.
    pub(super) fn build(
        &self,
        dir: &Path,
        lock: &File,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), RehearsalError> {
        let lock = lock
            .try_clone()
            .map_err(RehearsalError::io("share the lock of", dir))?;

        let mut debootstrap = program("debootstrap");
        debootstrap
            .args(["--force-check-gpg", "--variant=minbase"])
            .arg(format!("--include={PACKAGES}"))
            .arg(self.base.suite())
            .arg(dir)
            .arg(self.base.mirror())
            .stdin(lock);
        let log = dir.join("debootstrap/debootstrap.log");
        let help = format!(
            "see that {} is reachable; the whole log is {}",
            self.base.mirror(),
            log.display()
        );
        follow(&mut debootstrap, &help, progress)?;
        for (path, contents) in &self.files {
            disk::write(&dir.join(path), contents)?;
        }
        let mut finish = program("chroot");
        finish.arg(dir).args(["/bin/sh", "-c", FINISH]);
        run(&mut finish, "this is a fault of hostwright: please report it").map(drop)
    }
}
