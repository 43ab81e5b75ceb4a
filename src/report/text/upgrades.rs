//! What an upgrade would change, as text.

use std::fmt::Write;

use super::table::table;
use crate::change::counted;
use crate::operations::upgrades::answer::Upgrades;

/// A line a package, those that mend security first.
pub(super) fn text(upgrades: &Upgrades) -> String {
    let Upgrades {
        index_age,
        packages,
        kept_back,
        errors,
    } = upgrades;
    let mut text = String::new();
    let age = match index_age {
        None => "the host has no index of packages yet".to_owned(),
        Some(seconds) => format!("by the host's index, read {} ago", long(*seconds)),
    };
    if !errors.is_empty() {
        let _ = writeln!(
            text,
            "\nWhat an upgrade would change apt cannot say: {}",
            errors.join("; ")
        );
        return text;
    }
    if packages.is_empty() {
        let _ = writeln!(text, "\nAn upgrade would change nothing ({age}).");
    } else {
        let mut rows: Vec<_> = packages.iter().collect();
        rows.sort_by_key(|upgrade| !upgrade.security);
        let rows = rows.into_iter().map(|upgrade| {
            let from = upgrade.from.as_deref().unwrap_or("(new)");
            let security = if upgrade.security { "security" } else { "" };
            let change = format!("{from} → {}", upgrade.to);
            vec![upgrade.package.clone(), change, security.to_owned()]
        });
        let count = counted(packages.len(), "package");
        let title = format!("An upgrade would change {count} ({age}):");
        table(&mut text, &title, rows.collect());
    }
    if !kept_back.is_empty() {
        let _ = writeln!(
            text,
            "  kept back, held or not to be had without others: {}",
            kept_back.join(", ")
        );
    }
    text
}

/// A length of time in its largest unit.
fn long(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(size, _)| seconds >= *size);
    let (size, name) = unit.unwrap_or((1, "second"));
    counted((seconds / size) as usize, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::upgrades::answer::Upgrade;

    #[test]
    fn security_comes_first() {
        let upgrade = |package: &str, from: Option<&str>, security| Upgrade {
            package: package.into(),
            from: from.map(str::to_owned),
            to: "2".into(),
            security,
        };
        let upgrades = Upgrades {
            index_age: Some(7300),
            packages: vec![
                upgrade("tzdata", Some("1"), false),
                upgrade("libssl3", None, true),
            ],
            kept_back: vec!["nginx".into()],
            errors: Vec::new(),
        };
        assert_eq!(
            text(&upgrades),
            "\nAn upgrade would change 2 packages (by the host's index, read 2 hours ago):\n  \
            libssl3  (new) → 2  security\n  tzdata   1 → 2\n  \
            kept back, held or not to be had without others: nginx\n"
        );
        let none = "\nAn upgrade would change nothing (the host has no index of packages yet).\n";
        assert_eq!(text(&Upgrades::default()), none);
        let broken = Upgrades {
            errors: vec!["it is broken".into()],
            ..Upgrades::default()
        };
        assert!(text(&broken).contains("apt cannot say: it is broken"));
    }
}
