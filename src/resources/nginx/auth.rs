//! Who may ask with a name and a password (RFC 7617).

use indexmap::IndexMap;
use ring::digest;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha_crypt::{PasswordHasher, ShaCrypt};

use super::location::quoted;
use crate::change::Content;
use crate::language::Problem;
use crate::language::scalar::{Line, Name, optional};
use crate::managed::file::ManagedFile;

/// Whom a name and a password let in. Without TLS both travel for everybody to read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The password of each by name: a secret, or its hash as crypt(3) writes it (`$6$…`).
    pub users: IndexMap<Name, Line>,
    /// What browsers say when they ask; the site's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub realm: Option<Line>,
}

/// How many bytes of a hash make a salt.
const SALT: usize = 12;

impl Auth {
    /// The file of the hashes. nginx reads it with each request, as Debian's www-data.
    ///
    /// # Errors
    /// When nobody is named.
    pub(super) fn file(&self, path: String) -> Result<ManagedFile, Problem> {
        if self.users.is_empty() {
            return Err(Problem::new(
                "`auth` lets nobody in",
                "name somebody under `users`, or write `deny: all`",
            ));
        }
        let lines = self
            .users
            .iter()
            .map(|(name, password)| Ok(format!("{name}:{}\n", hashed(&name.0, &password.0)?)));
        let text = lines.collect::<Result<String, Problem>>()?;
        // The hashes of short passwords can be guessed: they are as secret as those.
        let mut file = ManagedFile::new(path, Content::new(text.into_bytes(), true)).mode("0640");
        file.owner = "root:www-data".into();
        Ok(file)
    }

    /// It, for a template.
    pub fn values(&self, path: &str, site: &str) -> Value {
        let realm = self.realm.as_ref().map_or(site, |realm| &realm.0);
        json!({ "realm": quoted(realm), "file": path })
    }
}

/// A password as crypt(3) keeps it. Its salt comes from itself, so that the same playbook makes the same file.
fn hashed(user: &str, password: &str) -> Result<String, Problem> {
    if password.starts_with('$') {
        return Ok(password.to_owned());
    }
    let salt = digest::digest(&digest::SHA256, format!("{user}\0{password}").as_bytes());
    let hash = ShaCrypt::SHA512.hash_password_with_salt(password.as_bytes(), &salt.as_ref()[..SALT]);
    let hash = hash.map_err(|error| {
        Problem::new(
            format!("the password of `{user}` cannot be hashed: {error}"),
            "give another",
        )
    })?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hashed_as_crypt_does_and_a_hash_stays() {
        let hash = hashed("ann", "pass").expect("hashed");
        assert!(
            hash.starts_with("$6$") && hash == hashed("ann", "pass").expect("hashed"),
            "{hash}"
        );
        assert_ne!(hash, hashed("bob", "pass").expect("hashed"));
        assert_eq!(hashed("ann", "$6$a$b").expect("kept"), "$6$a$b");
    }
}
