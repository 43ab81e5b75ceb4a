//! Packages that a host shall not have.

use std::collections::BTreeSet;

use super::hold::released;
use super::words::{INSTALL, READING};
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::shell;

const SH: &str = include_str!("removal.sh");

/// sshd, by which we come in, whoever makes it.
pub(super) const WAY_IN: [&str; 3] = ["openssh-server", "dropbear", "dropbear-bin"];
/// What makes us root, where it did.
const ROOT: [&str; 2] = ["sudo", "sudo-rs"];

/// Says `sudo` where that made us root.
const ASK_ROOT: &str = "[ -z \"${SUDO_USER-}\" ] || echo sudo";

/// Fails where more would go than the plan says.
const ONLY: &str = include_str!("only.sh");

/// Packages that go: of those that are purged their configuration goes, too.
#[derive(Debug)]
pub(super) struct Removal {
    pub id: Id,
    pub removed: Vec<String>,
    pub purged: Vec<String>,
    /// What this playbook needs, and for what; for nothing where it is only named.
    pub needed: Vec<(String, String)>,
}

/// What the host says of them.
#[derive(Debug, Default)]
struct Found {
    /// Those that are installed, with their versions.
    installed: Vec<(String, String)>,
    /// Those of which only the configuration is left.
    left: Vec<String>,
    /// What would go.
    goes: BTreeSet<String>,
    errors: Vec<String>,
    by_sudo: bool,
}

impl Found {
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, rest.split_once(' ')) {
                ("installed", Some((name, version))) => found.installed.push((name.into(), version.into())),
                ("config-files", Some((name, _))) => found.left.push(name.into()),
                ("goes", _) => drop(found.goes.insert(rest.into())),
                ("error", _) => found.errors.push(rest.into()),
                ("sudo", _) => found.by_sudo = true,
                _ => {}
            }
        }
        found
    }

    fn has(&self, name: &str) -> bool {
        self.installed.iter().any(|(installed, _)| installed == name)
    }
}

impl Removal {
    fn found(&self, cx: &Context<'_>) -> Found {
        Found::read(cx.facts.output("apt.removal"))
    }

    /// What this playbook held, if it is let go first.
    fn released(&self) -> impl Iterator<Item = Ref> {
        let all = self.removed.iter().chain(&self.purged);
        all.map(|name| Ref::Id(released(name)))
    }

    fn refuse(&self, found: &Found, settled: bool) -> Result<(), Refusal> {
        let refusal = |cause: String, mend: &str| {
            Err(Refusal {
                id: self.id.clone(),
                cause,
                mend: mend.into(),
            })
        };
        let needed = self.needed.iter().find(|(name, _)| found.goes.contains(name));
        if let Some((name, why)) = needed {
            let for_whom = match why.is_empty() {
                true => "this playbook wants it".to_owned(),
                false => format!("{why} needs it"),
            };
            return refusal(
                format!("apt would remove {name} with them, and {for_whom}"),
                "take what it depends on out of `apt.removed` and `apt.purged`",
            );
        }
        let protected = WAY_IN.iter().chain(ROOT.iter().filter(|_| found.by_sudo));
        if let Some(name) = protected.into_iter().find(|name| found.goes.contains(**name)) {
            return refusal(
                format!("without {name} nobody would get in any more"),
                "take it, or what it depends on, out of `apt.removed` and `apt.purged`",
            );
        }
        if settled && !found.errors.is_empty() {
            return refusal(
                format!("apt cannot remove them: {}", found.errors.join("; ")),
                "see whether they are held (`apt-mark showhold`), or the host cannot be without them",
            );
        }
        Ok(())
    }
}

impl Resource for Removal {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        self.released().collect()
    }

    /// A package's units mostly bear its name, or begin with it.
    fn ends(&self, unit: &str, cx: &Context<'_>) -> bool {
        let stem = unit.split(['.', '@']).next().unwrap_or_default();
        let goes = self.found(cx).goes;
        !stem.is_empty()
            && goes
                .iter()
                .any(|name| name.starts_with(stem) || stem.starts_with(name.as_str()))
    }

    fn ask(&self, questions: &mut Questions) {
        let names = |names: &[String]| shell::words(names);
        let (removed, purged) = (names(&self.removed), names(&self.purged));
        let script = format!(
            "{READING}{SH}{ASK_ROOT}\n\
            there=$(on_host installed {removed}; on_host 'installed\\|config-files' {purged})\n\
            [ -n \"$there\" ] || exit 0\n\
            printf '%s\\n' \"$there\"\n\
            named() {{ printf '%s\\n' \"$there\" | while read -r _ name _; do case \" $1 \" in *\" $name \"*) printf '%s ' \"$name\" ;; esac; done; }}\n\
            going remove \"$(named {})\"\n\
            going purge \"$(named {})\"",
            shell::quote(&self.removed.join(" ")),
            shell::quote(&self.purged.join(" ")),
        );
        questions.script("apt.removal", script);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let found = self.found(cx);
        let there = |name: &&String| found.has(name);
        let removed: Vec<&String> = self.removed.iter().filter(there).collect();
        let purged = self.purged.iter();
        let purged: Vec<&String> = purged
            .filter(|name| found.has(name) || found.left.contains(name))
            .collect();
        if removed.is_empty() && purged.is_empty() {
            return Ok(Vec::new());
        }
        let settled = !self.released().any(|hold| cx.changes(&hold));
        self.refuse(&found, settled)?;
        let parts = [("remove", &removed), ("purge", &purged)];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let summary: Vec<String> = parts
            .clone()
            .map(|(verb, names)| {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                format!("{verb} {}", names.join(", "))
            })
            .collect();
        let mut change = Change::new(&self.id, Verb::Remove, summary.join("; "));
        for (name, version) in &found.installed {
            change = change.note(format!("{name} {version}"));
        }
        for name in &found.left {
            change = change.note(format!("{name}, of which only the configuration is left"));
        }
        let named = |name: &&String| !self.removed.contains(name) && !self.purged.contains(name);
        let others: Vec<&str> = found.goes.iter().filter(named).map(String::as_str).collect();
        if !others.is_empty() {
            let text = format!(
                "REMOVES with them, since they depend on them: {}",
                others.join(", ")
            );
            change.details.push(Detail::Note(text));
        }
        let goes: Vec<&str> = found.goes.iter().map(String::as_str).collect();
        let goes = shell::quote(&goes.join(" "));
        change = change.shell(format!("{INSTALL}{READING}{ONLY}"));
        for (verb, names) in parts {
            let names = shell::words(names);
            change = change.shell(format!("only {goes} {verb} {names}\napt -y {verb} {names}"));
        }
        Ok(vec![change])
    }
}
