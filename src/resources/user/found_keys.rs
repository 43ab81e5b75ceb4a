//! What lets a user in by a key on a host: his file of keys, and whether sshd reads it.

use crate::facts::PathFact;

/// Asks for it.
pub(super) const ASK: &str = include_str!("keys.sh");

/// Whether group or others may write.
pub(super) fn writable(mode: &str) -> bool {
    let group_or_others = |digit: Option<char>| digit.is_some_and(|digit| "2367".contains(digit));
    let mut digits = mode.chars().rev();
    group_or_others(digits.next()) || group_or_others(digits.next())
}

/// What `keys.sh` found.
pub(super) struct Found<'a> {
    pub home: &'a str,
    pub group: &'a str,
    pub reads: Option<&'a str>,
    pub there: Vec<(&'a str, PathFact)>,
    pub sum: Option<&'a str>,
    pub lines: Vec<&'a str>,
}

impl<'a> Found<'a> {
    pub fn read(text: &'a str) -> Self {
        let (head, lines) = match text.find("\nsum ") {
            Some(at) => (&text[..at], text[at + 1..].lines()),
            None => (text, "".lines()),
        };
        let mut lines = lines;
        let sum = lines.next().and_then(|line| line.strip_prefix("sum "));
        let said = |what: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(what)?.strip_prefix(' '))
        };
        Self {
            home: said("home").unwrap_or_default(),
            group: said("group").unwrap_or_default(),
            reads: said("reads"),
            there: head.lines().filter_map(fact).collect(),
            sum,
            lines: lines.map(str::trim_end).collect(),
        }
    }

    pub fn folder(&self) -> String {
        format!("{}/.ssh", self.home.trim_end_matches('/'))
    }

    pub fn path(&self) -> String {
        format!("{}/authorized_keys", self.folder())
    }

    pub fn at(&self, path: &str) -> Option<PathFact> {
        let fact = self.there.iter().find(|(at, _)| *at == path);
        fact.map(|(_, fact)| fact.clone())
    }

    /// The file that a word of AuthorizedKeysFile means for `user` (sshd_config(5), TOKENS).
    pub fn means(&self, pattern: &str, user: &str) -> String {
        let pattern = pattern
            .replace("%h", self.home)
            .replace("%u", user)
            .replace("%%", "%");
        match pattern.starts_with('/') {
            true => pattern,
            false => format!("{}/{pattern}", self.home.trim_end_matches('/')),
        }
    }
}

/// A line `at KIND MODE OWNER PATH`.
fn fact(line: &str) -> Option<(&str, PathFact)> {
    let mut words = line.strip_prefix("at ")?.splitn(4, ' ');
    let (kind, mode, owner) = (words.next()?.chars().next()?, words.next()?, words.next()?);
    let fact = PathFact {
        kind,
        mode: format!("{mode:0>4}"),
        owner: owner.to_owned(),
        names: 1,
        target: String::new(),
        behind: None,
        fixed: None,
        acl: false,
    };
    Some((words.next()?, fact))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIExEJ63L/hkFsYrkj99WScaBmNzDLHdqZb5ziuF6OlKW";

    #[test]
    fn what_the_host_says_is_read() {
        let text = format!(
            "home /srv/a b\ngroup ann\nat d 755 ann:ann /srv/a b\nat f 600 ann:ann /srv/a b/.ssh/authorized_keys\n\
            reads .ssh/authorized_keys .ssh/authorized_keys2\nsum abc\nssh-ed25519 {ED} ann\r\nhome x"
        );
        let found = Found::read(&text);
        assert_eq!(
            (found.home, found.group, found.sum),
            ("/srv/a b", "ann", Some("abc"))
        );
        assert_eq!(found.lines.len(), 2);
        assert_eq!(found.at("/srv/a b").expect("there").mode, "0755");
        for pattern in [
            ".ssh/authorized_keys",
            "%h/.ssh/authorized_keys",
            "/srv/a b/.ssh/authorized_keys",
        ] {
            assert_eq!(found.means(pattern, "ann"), found.path());
        }
        assert_eq!(found.means("/etc/ssh/keys/%u", "ann"), "/etc/ssh/keys/ann");
        assert!(writable("0775") && writable("0757") && !writable("0755") && !writable("2755"));
    }
}
