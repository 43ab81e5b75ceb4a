//! Users: what a playbook says of them, and what their names may be.

mod account;
mod departed;
mod found_keys;
mod keys;

use schemars::JsonSchema;
use serde::Deserialize;

use self::account::{Account, Password};
use self::departed::{Departed, Departs};
use self::keys::{AuthorizedKeys, Keys};
use super::accounts::{self, announce_number, check_name, check_number};
use crate::change::{Content, Id};
use crate::language::scalar::{AbsPath, Count, Flag, Line, Name, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{Stands, What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

pub(super) use self::keys::{announce_left, restore};

/// A user.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// A service's user: no login, no home directory made, a number below 1000.
    #[serde(default, deserialize_with = "optional")]
    pub system: Option<Flag>,
    /// His number. Where he has another one, the files of his home go with him.
    #[serde(default, deserialize_with = "optional")]
    pub uid: Option<Count>,
    /// His primary group; one of his own, that is called as he is, unless given.
    #[serde(default, deserialize_with = "optional")]
    pub group: Option<Name>,
    /// Groups beside the user's own. Others that he is in stay.
    #[serde(default)]
    pub groups: Vec<Name>,
    /// His name for people (the GECOS field).
    #[serde(default, deserialize_with = "optional")]
    pub comment: Option<Line>,
    /// Home directory. A system user's is not made; declare it under `directories`.
    #[serde(default, deserialize_with = "optional")]
    pub home: Option<AbsPath>,
    /// Login shell; for a system user `/usr/sbin/nologin`, else `/bin/bash`.
    #[serde(default, deserialize_with = "optional")]
    pub shell: Option<AbsPath>,
    /// `"!"` lets nobody in by a password; else a secret that holds a hash (crypt(3)), as `openssl passwd -6` prints it:
    /// `${ann_hash}`. Unless given it stays as it is; a new user has none, and so does not get in by one.
    #[serde(default, deserialize_with = "optional")]
    pub password: Option<Line>,
    /// The public keys that let him in. A list is the whole list: others are taken out. With `exclusive: false` others
    /// stay, and with `absent` single ones go.
    #[serde(default)]
    pub authorized_keys: Option<AuthorizedKeys>,
    /// What sudo lets him do, a rule each, as it stands behind his name in sudoers(5): `ALL=(ALL) NOPASSWD: ALL`. They
    /// are put into `/etc/sudoers.d`.
    #[serde(default)]
    pub sudo: Vec<Line>,
    /// Whether he is there; true unless given. His home stays when he goes.
    #[serde(default, deserialize_with = "optional")]
    pub present: Option<Flag>,
    /// Whether his home goes with him, where `present` is false; it is kept with the run that took it.
    #[serde(default, deserialize_with = "optional")]
    pub remove_home: Option<Flag>,
}

fn on(flag: &Option<Flag>) -> bool {
    flag.as_ref().is_some_and(|flag| flag.0)
}

/// Whether a text may be a hash of crypt(5)'s: `$6$salt$hash`.
fn is_hash(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "./$=,+-".contains(c);
    let parts: Vec<&str> = text.split('$').collect();
    matches!(&parts[..], ["", sort, _, .., hash] if !sort.is_empty() && hash.len() > 20)
        && text.chars().all(fits)
}

impl User {
    fn departs(&self) -> bool {
        self.present.as_ref().is_some_and(|flag| !flag.0)
    }

    fn password(&self, cx: &Render<'_>) -> Result<Option<Password>, Problem> {
        let Some(password) = &self.password else {
            return Ok(None);
        };
        if password.0 == "!" {
            return Ok(Some(Password::Locked));
        }
        if !is_hash(&password.0) {
            return Err(Problem::new(
                "`password` is neither `\"!\"` nor a hash that crypt(3) knows",
                "a password itself would be readable on the host: `openssl passwd -6` makes its hash",
            ));
        }
        if !cx.document.secrets.taint(password.0.as_bytes()) {
            return Err(Problem::new(
                "the hash of a password stands in the playbook, where everybody who reads it may try passwords",
                "put it under `secrets`, and write its name here: `password: \"${ann_hash}\"`",
            ));
        }
        Ok(Some(Password::Hash(password.0.clone())))
    }

    /// The file of his rules for sudo, which passes over names with a dot or a `~` at their end (sudoers(5)).
    fn sudoers(&self, name: &str) -> String {
        format!("/etc/sudoers.d/{}", name.replace(['.', '~'], "_"))
    }

    fn rules(&self, name: &str, cx: &Render<'_>) -> Content {
        let mut text = format!(
            "# Managed by hostwright ({}): changes made here are undone by the next apply.\n",
            cx.document.name
        );
        for rule in &self.sudo {
            text += &format!("{name} {rule}\n");
        }
        cx.content(text.into_bytes())
    }

    fn leave(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let others = Self {
            present: None,
            remove_home: None,
            ..self.clone()
        };
        if format!("{others:?}") != format!("{:?}", Self::default()) {
            return Err(Problem::new(
                format!("{name} shall not be there (`present: false`), and more is said of him"),
                "with `present: false` only `remove_home` can be said",
            ));
        }
        if name == "root" {
            return Err(Problem::new(
                "root cannot be taken away",
                "take him out of the playbook",
            ));
        }
        cx.push(Departed {
            id: Id::new("user", name),
            name: name.to_owned(),
            remove_home: on(&self.remove_home),
        });
        Ok(())
    }
}

impl Declaration for User {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        if self.departs() {
            cx.announce(Departs(name.to_owned()));
        }
        announce_number("user", name, self.uid.as_ref(), cx);
        if !self.sudo.is_empty() {
            let rules = self.rules(name, cx);
            stands(cx, &self.sudoers(name), What::File(Some(rules)));
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        check_name(name, "user")?;
        check_number("user", name, self.uid.as_ref(), cx)?;
        if self.departs() {
            return self.leave(name, cx);
        }
        if self.remove_home.is_some() {
            return Err(Problem::new(
                "`remove_home` says what becomes of a home when its user goes, and he stays",
                "say `present: false`, or take it out",
            ));
        }
        if self.comment.as_ref().is_some_and(|text| text.0.contains(':')) {
            return Err(Problem::new(
                "`comment` has a `:`, which ends its field in /etc/passwd",
                "write it without",
            ));
        }
        if name == "root" && self.uid.is_some() {
            return Err(Problem::new(
                "root's number is 0, and cannot be another",
                "take out `uid`",
            ));
        }
        if let Some(rule) = self.sudo.iter().find(|rule| !rule.0.contains('=')) {
            return Err(Problem::new(
                format!("`{rule}` is no rule of sudo's"),
                "a rule says where, as whom and what: `ALL=(ALL) NOPASSWD: ALL`",
            ));
        }
        let system = on(&self.system);
        let account = Account {
            id: Id::new("user", name),
            name: name.to_owned(),
            system,
            uid: self.uid.as_ref().map(|uid| uid.0),
            group: self.group.as_ref().map(|group| group.0.clone()),
            has_own_group: accounts::has_group(name, cx),
            groups: self.groups.iter().map(|group| group.0.clone()).collect(),
            comment: self.comment.as_ref().map(|comment| comment.0.clone()),
            home: self.home.as_ref().map(|path| path.0.clone()),
            shell: account::shell(system, self.shell.as_ref().map(|path| path.0.as_str())),
            password: self.password(cx)?,
        };
        if let Some(declared) = &self.authorized_keys {
            let keys = Keys::new(&account, declared, cx)?;
            cx.push(keys);
        }
        if !self.sudo.is_empty() {
            let id = Id::new("sudo", name);
            let path = self.sudoers(name);
            if cx
                .announced::<Stands>()
                .filter(|stands| stands.path == path)
                .count()
                > 1
            {
                return Err(Problem::new(
                    format!("his rules for sudo stand in {path}, and something else is to stand there, too"),
                    "say them in one of the two places; a `.` in a user's name is a `_` in that path",
                ));
            }
            cx.needs_package("sudo", id.as_str());
            let mut file = ManagedFile::new(self.sudoers(name), self.rules(name, cx));
            file.mode = "0440".into();
            cx.push(Plain { id, file });
        }
        cx.push(account);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_from_a_password() {
        for hash in [
            "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
            "$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q",
        ] {
            assert!(is_hash(hash), "{hash}");
        }
        for other in [
            "hunter2",
            "$ecret",
            "$6$salt$",
            "$money$money$money",
            "$6$salt$with a blank in it, and long",
        ] {
            assert!(!is_hash(other), "{other}");
        }
    }
}
