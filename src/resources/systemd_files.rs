//! Which unit a file belongs to: systemd's own (systemd.unit(5), "Unit File Load Path"), and those of daemons that
//! read many files which need each other, so that they are loaded once when all are in place.

use crate::daemons::text::unit::FOLDERS;

/// Configuration that a daemon reads at its start: a file, or a folder, and its unit.
const CONFIGURATION: [(&str, &str); 9] = [
    ("/etc/fail2ban/", "fail2ban.service"),
    ("/etc/systemd/journald.conf", "systemd-journald.service"),
    ("/etc/systemd/journald.conf.d/", "systemd-journald.service"),
    ("/etc/systemd/logind.conf", "systemd-logind.service"),
    ("/etc/systemd/logind.conf.d/", "systemd-logind.service"),
    ("/etc/systemd/resolved.conf", "systemd-resolved.service"),
    ("/etc/systemd/resolved.conf.d/", "systemd-resolved.service"),
    ("/etc/systemd/timesyncd.conf", "systemd-timesyncd.service"),
    ("/etc/systemd/timesyncd.conf.d/", "systemd-timesyncd.service"),
];

const SUFFIXES: [&str; 9] = [
    ".service",
    ".socket",
    ".timer",
    ".path",
    ".mount",
    ".automount",
    ".swap",
    ".slice",
    ".target",
];

/// Whether `unit` says which sort of unit it is.
pub(super) fn is_whole(unit: &str) -> bool {
    SUFFIXES
        .iter()
        .any(|suffix| unit.len() > suffix.len() && unit.ends_with(suffix))
}

/// The unit that the file (or the folder of drop-ins) at `path` belongs to. `worker@.service` stands for all its
/// instances, `app-.service` for all whose names begin so.
pub(super) fn unit_of(path: &str) -> Option<&str> {
    let reads = |(place, _): &&(&str, &str)| match place.strip_suffix('/') {
        Some(folder) => path == folder || path.starts_with(place),
        None => path == *place,
    };
    if let Some((_, unit)) = CONFIGURATION.iter().find(reads) {
        return Some(unit);
    }
    let below = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder))?;
    let unit = match below.split_once('/') {
        Some((folder, name)) if name.ends_with(".conf") && !name.contains('/') => {
            folder.strip_suffix(".d")?
        }
        Some(_) => return None,
        None => below.strip_suffix(".d").unwrap_or(below),
    };
    is_whole(unit).then_some(unit)
}

/// Whether `unit`, which a file belongs to, is or stands for `other`.
pub(super) fn covers(unit: &str, other: &str) -> bool {
    match pattern(unit) {
        Some((before, after)) => other.starts_with(&before) && other.ends_with(after),
        None => unit == other,
    }
}

/// What the names that `unit` stands for begin and end with, if it stands for others.
fn pattern(unit: &str) -> Option<(String, &str)> {
    let (name, _) = unit.rsplit_once('.')?;
    let after = &unit[name.len()..];
    name.ends_with(['@', '-']).then(|| (name.to_owned(), after))
}

/// The glob of the units that `unit` stands for, if it stands for others.
pub(super) fn glob(unit: &str) -> Option<String> {
    pattern(unit).map(|(before, after)| format!("{before}*{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_a_unit() {
        for (path, unit) in [
            ("/etc/systemd/system/nap.service", Some("nap.service")),
            ("/etc/systemd/system/nap.service.d/10.conf", Some("nap.service")),
            ("/etc/systemd/system/nap.service.d", Some("nap.service")),
            ("/usr/lib/systemd/system/w@.timer", Some("w@.timer")),
            ("/etc/systemd/system/w@1.service.d/a.conf", Some("w@1.service")),
            ("/etc/systemd/system/nap.service.d/README", None),
            ("/etc/systemd/system/multi-user.target.wants/nap.service", None),
            ("/etc/systemd/system/service.d/a.conf", None),
            ("/etc/systemd/system/.service", None),
            ("/etc/systemd/journald.conf", Some("systemd-journald.service")),
            ("/etc/systemd/journald.conf.old", None),
            ("/etc/fail2ban/jail.d/own.local", Some("fail2ban.service")),
            ("/etc/fail2ban", Some("fail2ban.service")),
            ("/srv/nap.service", None),
        ] {
            assert_eq!(unit_of(path), unit, "{path}");
        }
    }

    #[test]
    fn a_name_may_have_points_of_its_own() {
        for (name, whole) in [
            ("nap.service", true),
            ("dev-sda2.swap", true),
            ("php8.2-fpm", false),
            ("tunnel@office.example", false),
            (".service", false),
        ] {
            assert_eq!(is_whole(name), whole, "{name}");
        }
    }

    #[test]
    fn a_template_and_a_prefix_stand_for_others() {
        assert!(covers("nap.service", "nap.service"));
        assert!(covers("w@.service", "w@1.service"));
        assert!(covers("app-.service", "app-web.service"));
        assert!(!covers("w@.service", "w@1.timer"));
        assert!(!covers("w@1.service", "w@2.service"));
        assert_eq!(glob("w@.service").as_deref(), Some("w@*.service"));
        assert_eq!(glob("w@1.service"), None);
    }
}
