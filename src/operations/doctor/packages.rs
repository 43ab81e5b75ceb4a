//! dpkg that was interrupted, or is held.

use super::finding::{Finding, Gravity};
use super::seen::Seen;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let Some((updates, audit)) = seen.all("dpkg").next() else {
        return Vec::new();
    };
    let (holder, command) = seen.all("dpkg_held").next().unwrap_or(("-", ""));
    // Whoever works on packages now leaves them half done until it is ready.
    if holder != "-" {
        return match installs(command) {
            true => Vec::new(),
            false => vec![
                Finding::new(
                    "dpkg.held",
                    Gravity::Failing,
                    "no package can be installed now",
                    format!("process {holder} holds dpkg's lock"),
                )
                .seen(command)
                .mend("wait for its end, or see what it does"),
            ],
        };
    }
    let broken: Vec<&str> = audit
        .lines()
        .filter(|line| line.starts_with(' '))
        .map(str::trim)
        .collect();
    if updates == "0" && broken.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = broken
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let cause = match names.is_empty() {
        true => "dpkg was interrupted".to_owned(),
        false => format!("dpkg did not come to the end with {}", names.join(", ")),
    };
    vec![
        Finding::new(
            "dpkg.broken",
            Gravity::Failing,
            "packages are half installed, and no other can be",
            cause,
        )
        .all_seen(audit.lines().filter(|line| !line.trim().is_empty()).take(4))
        .all_seen(
            (updates != "0").then(|| format!("/var/lib/dpkg/updates holds {updates} that are not taken in")),
        )
        .mend("have dpkg finish; what it says then, if it fails, is the cause")
        .safe("DEBIAN_FRONTEND=noninteractive dpkg --configure -a"),
    ]
}

/// Whether a command line is that of something that installs packages: it, or the script that it runs.
fn installs(command: &str) -> bool {
    let programs = command.split_whitespace().take(2);
    let mut names = programs.filter_map(|path| path.rsplit('/').next());
    let known = ["apt", "dpkg", "unattended-upgr", "packagekit", "needrestart"];
    names.any(|name| known.iter().any(|known| name.starts_with(known)))
}
