//! What apt says it would do.

use crate::facts::Facts;

/// The question.
pub(super) const ASKED: &str = "apt.simulation";

/// The version of a package that this playbook brings, where the index says it, or else that the host has.
pub(in crate::resources) fn version<'f>(facts: &'f Facts, package: &str) -> Option<&'f str> {
    let brings = |line: &'f str| match line.split(' ').collect::<Vec<_>>()[..] {
        ["install", name, new] | ["upgrade", name, _, new] if name == package => Some(new),
        _ => None,
    };
    let coming = facts.output(ASKED).lines().find_map(brings);
    coming.or_else(|| facts.package(package))
}

/// What installing would bring.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Simulation {
    pub fresh: bool,
    pub installs: Vec<(String, String)>,
    /// `NAME OLD → NEW`.
    pub upgrades: Vec<String>,
    /// The same, where the new one is the older version.
    pub downgrades: Vec<String>,
    pub removes: Vec<String>,
    /// Names that several packages provide, and those.
    pub virtuals: Vec<(String, Vec<String>)>,
    pub errors: Vec<String>,
}

impl Simulation {
    /// Both batches are simulated, and may tell the same.
    pub fn read(text: &str) -> Self {
        fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
            if !list.contains(&item) {
                list.push(item);
            }
        }
        let mut simulation = Self::default();
        let mut older: Vec<&str> = Vec::new();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let fields: Vec<&str> = rest.split(' ').collect();
            match (word, &fields[..]) {
                ("fresh", _) => simulation.fresh = true,
                ("install", [name, version]) => {
                    add(&mut simulation.installs, ((*name).into(), (*version).into()));
                }
                ("upgrade", [name, old, new]) => {
                    let list = match older.contains(name) {
                        true => &mut simulation.downgrades,
                        false => &mut simulation.upgrades,
                    };
                    add(list, format!("{name} {old} → {new}"));
                }
                ("downgrade", names) => older.extend(names),
                ("remove", [name]) => add(&mut simulation.removes, (*name).into()),
                ("virtual", [name]) => simulation.virtuals.push(((*name).into(), Vec::new())),
                ("provider", [name]) => {
                    if let Some((_, providers)) = simulation.virtuals.last_mut() {
                        add(providers, (*name).into());
                    }
                }
                ("error", _) => add(&mut simulation.errors, rest.to_owned()),
                _ => {}
            }
        }
        simulation
    }

    /// Whether it says what becomes of a package.
    pub fn knows(&self, package: &str) -> bool {
        let begins = |line: &String| line.split(' ').next() == Some(package);
        self.installs.iter().any(|(name, _)| name == package)
            || self.upgrades.iter().chain(&self.downgrades).any(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::Simulation;

    #[test]
    fn a_simulation_tells_what_comes_and_goes() {
        let read = Simulation::read(
            "fresh\ninstall nginx 1.22\ninstall nginx 1.22\ndowngrade tool other\nupgrade libc6 2.36-9 2.36-10\n\
            upgrade tool 2.0 1.0\nremove exim4\n\
            virtual mta\nprovider postfix\nprovider dma\nerror Unable to locate package x",
        );
        assert!(read.fresh);
        assert_eq!(read.installs, [("nginx".into(), "1.22".into())]);
        assert_eq!(read.upgrades, ["libc6 2.36-9 → 2.36-10"]);
        assert_eq!(read.downgrades, ["tool 2.0 → 1.0"]);
        assert_eq!(read.removes, ["exim4"]);
        assert_eq!(
            read.virtuals,
            [("mta".into(), vec!["postfix".into(), "dma".into()])]
        );
        assert_eq!(read.errors, ["Unable to locate package x"]);
        assert!(read.knows("nginx") && read.knows("tool") && !read.knows("x"));
    }
}
