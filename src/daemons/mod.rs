//! Daemons that read what stands in a directory by themselves, whoever puts it there. One line in the list and a
//! file of sh each. `plan/daemons.rs` lets them check and load what a change touches, whichever kind made it.
//!
//! The sh of a daemon NAME defines `NAME_load PATH…`: it looks at the whole configuration, lets the daemon load it
//! and fails, with the daemon's words, when it does not take it or passes over one of the PATHs, which were just
//! put in place. It does nothing on a host without the daemon. Where `checks` is set it also defines
//! `NAME_check NEW PATH`: it fails when the daemon would not take the file NEW at PATH.

mod daemon;
mod list;
pub mod text;

pub use daemon::Daemon;
pub use list::ALL;

/// The packages that bring the daemons that read `path`. apt is on every host, and reads before it installs.
pub fn packages(path: &str) -> impl Iterator<Item = &'static str> {
    ALL.iter()
        .filter(|daemon| daemon.reads(path) && daemon.package != "apt")
        .map(|daemon| daemon.package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers(path: &str) -> Vec<&'static str> {
        let readers = ALL.iter().filter(|daemon| daemon.reads(path));
        readers.map(|daemon| daemon.name).collect()
    }

    #[test]
    fn who_reads_what() {
        for (path, reader) in [
            ("/etc/ssh/sshd_config", "sshd"),
            ("/etc/ssh/sshd_config.d/10-keys.conf", "sshd"),
            ("/etc/sudoers", "sudo"),
            ("/etc/sudoers.d/app", "sudo"),
            ("/etc/nginx/snippets/tls.conf", "nginx"),
            ("/etc/logrotate.d/app", "logrotate"),
            ("/etc/cron.d/app-daily", "cron"),
            ("/etc/crontab", "cron"),
            ("/etc/sysctl.d/90-app.conf", "sysctl"),
            ("/etc/cron.daily/app", "run_parts"),
            ("/etc/tmpfiles.d/app.conf", "tmpfiles"),
            ("/etc/modules-load.d/app.conf", "modules_load"),
            ("/etc/modules", "modules_load"),
            ("/etc/modprobe.d/app.conf", "modprobe"),
            ("/etc/udev/rules.d/90-app.rules", "udev"),
            ("/etc/apt/apt.conf.d/90app", "apt_options"),
            ("/etc/apt/apt.conf.d/90app.conf", "apt_options"),
            ("/etc/apt/sources.list", "apt_sources"),
            ("/etc/apt/sources.list.d/app.sources", "apt_sources"),
            ("/etc/apt/preferences.d/app", "apt_preferences"),
            ("/etc/rsyslog.d/app.conf", "rsyslog"),
            ("/etc/security/limits.d/app.conf", "limits"),
            ("/etc/systemd/system.conf.d/app.conf", "systemd"),
        ] {
            assert_eq!(readers(path), [reader], "{path}");
        }
        for path in [
            "/etc/ssh/ssh_config",
            "/etc/ssh/sshd_config.d/README",
            "/etc/ssh/sshd_config.bak",
            "/etc/sudoers.d/app.old",
            "/etc/sudoers.d",
            "/srv/etc/sudoers",
            "/etc/logrotate.d/app.dpkg-old",
            "/etc/cron.d/app.daily",
            "/etc/cron.daily/app.sh",
        ] {
            assert_eq!(readers(path), [""; 0], "{path}");
        }
    }

    #[test]
    fn names_that_are_passed_over() {
        let why = |path: &str| ALL.iter().find_map(|daemon| daemon.passes_over(path));
        for path in [
            "/etc/cron.d/app.daily",
            "/etc/sudoers.d/app.conf",
            "/etc/logrotate.d/app~",
            "/etc/apt/sources.list.d/app.conf",
            "/etc/apt/preferences.d/app.old",
            "/etc/tmpfiles.d/app",
            "/etc/udev/rules.d/app.conf",
        ] {
            assert!(why(path).is_some(), "{path}");
        }
        for path in [
            "/etc/cron.d/app",
            "/etc/cron.d/.placeholder",
            "/etc/sudoers.d/README.txt",
            "/etc/nginx/x~",
        ] {
            assert_eq!(why(path), None, "{path}");
        }
    }

    #[test]
    fn who_reads_below_a_directory() {
        let [sshd, sudo] = &ALL[..2] else { panic!("two") };
        for path in [
            "/etc/ssh",
            "/etc",
            "/etc/ssh/sshd_config.d",
            "/etc/ssh/sshd_config",
        ] {
            assert!(sshd.reads_below(path), "{path}");
        }
        for path in ["/etc/ss", "/etc/ssh/other", "/etc/sudoers.d"] {
            assert!(!sshd.reads_below(path), "{path}");
        }
        assert!(sudo.reads_below("/etc/sudoers.d"));
    }
}
