//! What apt says that an upgrade would change.

use schemars::JsonSchema;
use serde::Serialize;

/// What an upgrade would change, by the index that the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Upgrades {
    /// How long ago the host read its index, in seconds; none where it has none.
    pub index_age: Option<u64>,
    /// Packages that would get another version.
    pub packages: Vec<Upgrade>,
    /// Packages of which there is a newer version that would not come: they are held, or it would take others away.
    pub kept_back: Vec<String>,
    /// Why apt cannot say it, in its words.
    pub errors: Vec<String>,
}

/// A package that an upgrade would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Upgrade {
    /// Its name.
    pub package: String,
    /// The version that is installed; none where it would come along with another.
    pub from: Option<String>,
    /// The version that would be.
    pub to: String,
    /// Whether it comes from where the distribution mends security.
    pub security: bool,
}

const KEPT_BACK: &str = "The following packages have been kept back:";

/// Reads what apt says of a simulation.
pub(super) fn read(said: &str) -> Upgrades {
    let mut upgrades = Upgrades::default();
    let mut is_kept_back = false;
    for line in said.lines() {
        is_kept_back &= line.starts_with(' ');
        if is_kept_back {
            upgrades
                .kept_back
                .extend(line.split_whitespace().map(str::to_owned));
        }
        is_kept_back |= line == KEPT_BACK;
        if let Some(age) = line.strip_prefix("@age ") {
            upgrades.index_age = age.parse().ok();
        }
        upgrades
            .errors
            .extend(line.strip_prefix("E: ").map(str::to_owned));
        upgrades.packages.extend(upgrade(line));
    }
    upgrades
}

/// `Inst NAME [OLD] (NEW ORIGIN:VERSION/SUITE, … [ARCHITECTURE])`, as apt-get(8) simulates it.
fn upgrade(line: &str) -> Option<Upgrade> {
    let (package, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest
            .split_once("] ")
            .map(|(old, rest)| (Some(old.to_owned()), rest))?,
        None => (None, rest),
    };
    let (to, origins) = rest.strip_prefix('(')?.split_once(' ')?;
    Some(Upgrade {
        package: package.to_owned(),
        from,
        to: to.to_owned(),
        security: origins.to_ascii_lowercase().contains("security"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian 12 says it.
    const SAID: &str = "@age 7200
NOTE: This is only a simulation!
Reading package lists...
Calculating upgrade...
The following packages have been kept back:
  nginx nginx-common
  libnginx-mod-http-geoip2
The following packages will be upgraded:
  libssl3 tzdata
Inst libssl3 [3.0.15-1~deb12u1] (3.0.17-1~deb12u2 Debian:12.11/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst tzdata [2024a-0+deb12u1] (2025b-0+deb12u1 Debian:12.11/oldstable [all])
Inst linux-image-6.1.0-37-amd64 (6.1.140-1 Debian-Security:12/oldstable-security [amd64])
Conf libssl3 (3.0.17-1~deb12u2 Debian:12.11/oldstable, Debian-Security:12/oldstable-security [amd64])
";

    #[test]
    fn it_tells_what_comes_and_what_mends_security() {
        let upgrades = read(SAID);
        let told: Vec<(&str, Option<&str>, &str, bool)> = upgrades
            .packages
            .iter()
            .map(|one| (&*one.package, one.from.as_deref(), &*one.to, one.security))
            .collect();
        assert_eq!(
            told,
            [
                ("libssl3", Some("3.0.15-1~deb12u1"), "3.0.17-1~deb12u2", true),
                ("tzdata", Some("2024a-0+deb12u1"), "2025b-0+deb12u1", false),
                ("linux-image-6.1.0-37-amd64", None, "6.1.140-1", true),
            ]
        );
        assert_eq!(
            upgrades.kept_back,
            ["nginx", "nginx-common", "libnginx-mod-http-geoip2"]
        );
        assert_eq!(upgrades.index_age, Some(7200));
        assert_eq!(
            read("E: The package cache is broken\n").errors,
            ["The package cache is broken"]
        );
    }
}
