//! The daemons. What stands in more than one of the folders of a daemon's package has an entry for each.

use super::daemon::Daemon;
use super::text::logrotate;

/// A name that cron and run-parts read.
fn plain(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// Why cron and run-parts pass over other names.
const PLAIN: &str = "cron passes over names with other characters than letters, digits, `-` and `_`";

/// A name in a folder whose own folders are not read.
fn conf(name: &str) -> bool {
    name.ends_with(".conf") && !name.contains('/')
}

/// Why others are passed over.
const CONF: &str = "only names that end with `.conf` are read";

/// apt reads names with these characters alone, and with these ends (apt.conf(5), sources.list(5)).
fn for_apt(name: &str, ends: &[&str], bare: bool) -> bool {
    let (_, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let known = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    known && (ends.contains(&end) || bare && !name.contains('.'))
}

/// What most of them are.
const DAEMON: Daemon = Daemon {
    name: "",
    package: "",
    files: &[],
    folders: &[],
    names: conf,
    rule: CONF,
    verb: "",
    note: "",
    sh: "",
    checks: false,
    lets_in: false,
};

/// All of them.
pub const ALL: [Daemon; 17] = [
    Daemon {
        name: "sshd",
        package: "openssh-server",
        files: &["/etc/ssh/sshd_config"],
        folders: &["/etc/ssh/sshd_config.d"],
        names: |name| name.ends_with(".conf"),
        rule: "",
        verb: "restart sshd",
        note: "sshd -t, then restart; open sessions stay",
        sh: include_str!("sshd.sh"),
        checks: true,
        lets_in: true,
    },
    Daemon {
        name: "sudo",
        package: "sudo",
        files: &["/etc/sudoers"],
        folders: &["/etc/sudoers.d"],
        names: |name| !name.contains('.') && !name.ends_with('~'),
        rule: "sudo passes over names that hold a `.` or end with `~`",
        verb: "check sudo's rules",
        note: "visudo -c, for all of sudo's rules",
        sh: include_str!("sudo.sh"),
        checks: true,
        lets_in: true,
    },
    Daemon {
        name: "nginx",
        package: "nginx",
        folders: &["/etc/nginx"],
        names: |_| true,
        rule: "",
        verb: "reload nginx",
        note: "nginx -t, then reload",
        sh: include_str!("nginx.sh"),
        ..DAEMON
    },
    Daemon {
        name: "logrotate",
        package: "logrotate",
        files: &["/etc/logrotate.conf"],
        folders: &["/etc/logrotate.d"],
        names: logrotate::is_name,
        rule: "logrotate passes over names that end like this one",
        verb: "check logrotate's files",
        note: "logrotate -d, for all of its files",
        sh: include_str!("logrotate.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "cron",
        package: "cron",
        files: &["/etc/crontab"],
        folders: &["/etc/cron.d"],
        names: plain,
        rule: PLAIN,
        verb: "restart cron",
        note: "restarts cron, which leaves running jobs alone",
        sh: include_str!("cron.sh"),
        ..DAEMON
    },
    Daemon {
        name: "sysctl",
        package: "procps",
        files: &["/etc/sysctl.conf"],
        folders: &["/etc/sysctl.d"],
        verb: "set the kernel's values",
        note: "sets the kernel's values and reads them back",
        sh: include_str!("sysctl.sh"),
        ..DAEMON
    },
    Daemon {
        name: "run_parts",
        package: "cron",
        folders: &[
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
        ],
        names: plain,
        rule: PLAIN,
        verb: "look at what run-parts runs",
        note: "run-parts --test",
        sh: include_str!("run_parts.sh"),
        ..DAEMON
    },
    Daemon {
        name: "tmpfiles",
        package: "systemd",
        folders: &["/etc/tmpfiles.d"],
        verb: "make what systemd-tmpfiles makes",
        note: "systemd-tmpfiles --create, for this file, as at every boot",
        sh: include_str!("tmpfiles.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "modules_load",
        package: "kmod",
        files: &["/etc/modules"],
        folders: &["/etc/modules-load.d"],
        verb: "load the kernel's modules",
        note: "loads the kernel's modules, as at every boot",
        sh: include_str!("modules_load.sh"),
        ..DAEMON
    },
    Daemon {
        name: "modprobe",
        package: "kmod",
        folders: &["/etc/modprobe.d"],
        verb: "check modprobe's files",
        note: "modprobe --showconfig; it counts when a module is loaded, those that are stay as they are",
        sh: include_str!("modprobe.sh"),
        ..DAEMON
    },
    Daemon {
        name: "udev",
        package: "udev",
        folders: &["/etc/udev/rules.d"],
        names: |name| name.ends_with(".rules") && !name.contains('/'),
        rule: "only names that end with `.rules` are read",
        verb: "reload udev's rules",
        note: "udevadm control --reload; devices that are there keep what they have until their next event",
        sh: include_str!("udev.sh"),
        ..DAEMON
    },
    Daemon {
        name: "apt_options",
        package: "apt",
        files: &["/etc/apt/apt.conf"],
        folders: &["/etc/apt/apt.conf.d"],
        names: |name| for_apt(name, &["conf"], true),
        rule: "apt reads names that end with `.conf` or have no dot at all",
        verb: "check apt's options",
        note: "apt-config dump, for all of apt's options",
        sh: include_str!("apt_options.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "apt_sources",
        package: "apt",
        files: &["/etc/apt/sources.list"],
        folders: &["/etc/apt/sources.list.d"],
        names: |name| for_apt(name, &["list", "sources"], false),
        rule: "apt reads names that end with `.list` or `.sources`",
        verb: "get the lists of apt's sources",
        note: "apt-get update, for the sources of this file",
        sh: include_str!("apt_sources.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "apt_preferences",
        package: "apt",
        files: &["/etc/apt/preferences"],
        folders: &["/etc/apt/preferences.d"],
        names: |name| for_apt(name, &["pref"], true),
        rule: "apt reads names that end with `.pref` or have no dot at all",
        verb: "check apt's preferences",
        note: "apt-cache policy, with all of apt's preferences",
        sh: include_str!("apt_preferences.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "rsyslog",
        package: "rsyslog",
        files: &["/etc/rsyslog.conf"],
        folders: &["/etc/rsyslog.d"],
        verb: "restart rsyslog",
        note: "rsyslogd -N1, for all of its files, then restart",
        sh: include_str!("rsyslog.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "limits",
        package: "libpam-modules",
        files: &["/etc/security/limits.conf"],
        folders: &["/etc/security/limits.d"],
        verb: "check the limits of logins",
        note: "counts from the next login on",
        sh: include_str!("limits.sh"),
        checks: true,
        ..DAEMON
    },
    Daemon {
        name: "systemd",
        package: "systemd",
        files: &["/etc/systemd/system.conf"],
        folders: &["/etc/systemd/system.conf.d"],
        verb: "let systemd read its options",
        note: "systemctl daemon-reload",
        sh: include_str!("systemd.sh"),
        ..DAEMON
    },
];
