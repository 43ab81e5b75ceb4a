//! apt packages: those the playbook names and those that other kinds need, installed in one go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::PlaybookError;
use crate::playbook::render::{Render, Section};
use crate::playbook::scalar::Line;
use crate::shell;

/// Which apt packages are installed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apt {
    /// Packages by name. Kinds bring their own: nginx sites need no `nginx` here.
    #[serde(default)]
    pub packages: Vec<Line>,
}

/// An index older than this is refreshed before something is installed from it, in minutes.
const FRESH: u32 = 24 * 60;

impl Section for Apt {
    fn render(&self, cx: &mut Render<'_>) -> Result<(), PlaybookError> {
        for package in &self.packages {
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
            if !package.0.chars().all(valid) || package.0.starts_with(['-', '.', '+']) {
                return Err(PlaybookError::plain(
                    format!("`{package}` is not a package name (under `apt.packages`)"),
                    "a Debian package name has lower-case letters, digits, `+`, `-` and `.`",
                ));
            }
            cx.needs_package(&package.0, "");
        }
        if !cx.packages.is_empty() {
            let packages = cx
                .packages
                .iter()
                .map(|(name, why)| (name.clone(), why.clone()))
                .collect();
            let mends = std::mem::take(&mut cx.mends);
            cx.push(Packages {
                id: Id::new("apt", "packages"),
                packages,
                mends,
            });
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Packages {
    id: Id,
    packages: Vec<(String, String)>,
    /// sh that mends what may keep a package from being installed.
    mends: BTreeMap<String, String>,
}

impl Packages {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|(name, _)| name.as_str())
    }

    /// What installing would bring: only asked when something is missing, since it takes a second.
    /// apt is told to write no cache and no log, because a plan writes nothing.
    fn simulation(&self) -> String {
        format!(
            r#"missing=
known=$(dpkg-query -W -f='${{db:Status-Status}} ${{Package}}\n${{db:Status-Status}} ${{Package}}:${{Architecture}}\n' -- {names} 2>/dev/null)
for p in {names}; do
  case "
$known
" in *"
installed $p
"*) ;; *) missing="$missing $p" ;; esac
done
[ -n "$missing" ] || exit 0
# The lists bear the mirror's times; apt works in `partial` whenever it looks for newer ones.
if [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null | head -n 1)" ] &&
   [ -n "$(find /var/lib/apt/lists/partial -maxdepth 0 -mmin -{FRESH} 2>/dev/null)" ]; then echo fresh; fi
apt-get -s -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 \
  -o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null install $missing 2>&1 |
  sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/inst \1 \2/p; s/^E: /error /p'"#,
            names = shell::words(self.names()),
        )
    }
}

/// Waits for whoever holds dpkg (cloud-init and unattended-upgrades do on a first boot), asks nothing,
/// keeps configuration files that were changed, restarts no service that is not ours to restart.
const INSTALL: &str = r#"export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1
if command -v cloud-init >/dev/null 2>&1; then timeout 600 cloud-init status --wait >/dev/null 2>&1 || true; fi
apt_get() { apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }
# apt-get itself waits for dpkg's lock only, and apt-daily holds those of the lists and the archives.
apt() {
  tries=300
  while :; do
    { status=0; apt_get "$@" 2>&1 || status=$?; echo "$status" >"$keeping/status"; } | tee "$keeping/said"
    status=$(cat "$keeping/status")
    if [ "$status" = 0 ] || ! grep -q '^E: Could not get lock' "$keeping/said"; then return "$status"; fi
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return "$status"
    sleep 2
  done
}
"#;

impl Resource for Packages {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.names().map(|name| Ref::Package(name.to_owned())).collect()
    }

    fn ask(&self, questions: &mut Questions) {
        for name in self.names() {
            questions.package(name);
        }
        questions.script("apt.simulation", self.simulation());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let missing: Vec<&str> = self.names().filter(|name| cx.installs(name)).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let simulation = Simulation::read(cx.facts.output("apt.simulation"));
        let what = match missing.len() {
            1 => "1 package".to_owned(),
            count => format!("{count} packages"),
        };
        let mut change = Change::new(
            &self.id,
            Verb::Create,
            format!("install {what}: {}", missing.join(", ")),
        );
        for name in &missing {
            let version = simulation
                .version(name)
                .map_or(String::new(), |version| format!(" {version}"));
            let why = self
                .packages
                .iter()
                .find(|(known, _)| known == name)
                .map_or("", |(_, why)| why.as_str());
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(" (for {why})")
            };
            change = change.note(format!("{name}{version}{why}"));
        }
        let others: Vec<String> = simulation
            .installs
            .iter()
            .filter(|(name, _)| !missing.contains(&name.as_str()))
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        if !others.is_empty() {
            change = change.note(format!(
                "with {} more that they depend on: {}",
                others.len(),
                others.join(", ")
            ));
        }
        let refresh = !simulation.fresh || !simulation.errors.is_empty();
        if refresh {
            let why = if simulation.installs.is_empty() {
                "; it says then which versions"
            } else {
                ""
            };
            change = change.note(format!("the package index is refreshed first{why}"));
        }
        let update = if refresh { "apt update\n" } else { "" };
        let mends = self
            .mends
            .iter()
            .filter(|(name, _)| missing.contains(&name.as_str()));
        let mends: String = mends.map(|(_, mend)| mend.as_str()).collect();
        let mut install = format!("apt -y install {}", shell::words(missing));
        if !mends.is_empty() {
            install = format!("{install} || {{\n{mends}{install}\n}}");
        }
        Ok(vec![change.shell(format!("{INSTALL}{update}{install}"))])
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Simulation {
    fresh: bool,
    installs: Vec<(String, String)>,
    errors: Vec<String>,
}

impl Simulation {
    fn read(text: &str) -> Self {
        let mut simulation = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("inst", rest)) => {
                    if let Some((name, version)) = rest.split_once(' ') {
                        simulation.installs.push((name.to_owned(), version.to_owned()));
                    }
                }
                Some(("error", rest)) => simulation.errors.push(rest.to_owned()),
                _ if line == "fresh" => simulation.fresh = true,
                _ => {}
            }
        }
        simulation
    }

    fn version(&self, name: &str) -> Option<&str> {
        self.installs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, version)| version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Simulation;

    #[test]
    fn a_simulation_names_versions_and_errors() {
        let read = Simulation::read(
            "fresh\ninst nginx 1.22.1-9\ninst nginx-common 1.22.1-9\nerror Unable to locate package x",
        );
        assert!(read.fresh);
        assert_eq!(read.version("nginx"), Some("1.22.1-9"));
        assert_eq!(read.errors, ["Unable to locate package x"]);
    }
}
