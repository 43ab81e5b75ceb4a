//! Users and groups by name.

/// A user or a group that a text names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// A user, by name.
    User(String),
    /// A group, by name.
    Group(String),
}

/// A name, if it is one that the host itself must know: no default, no number, nothing that is put in later.
fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('"');
    let named = !text.is_empty() && text != "-" && !text.contains(['%', '$']);
    named.then(|| text.to_owned())
}

/// The user of this name.
pub fn user(text: &str) -> Option<Account> {
    name(text).map(Account::User)
}

/// The group of this name.
pub fn group(text: &str) -> Option<Account> {
    name(text).map(Account::Group)
}
