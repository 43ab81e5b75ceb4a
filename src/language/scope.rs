//! The names that `${name}` may stand for, and their values.

use std::cell::RefCell;
use std::collections::BTreeSet;

use indexmap::IndexMap;

/// Vars and secrets of one playbook, and which of them have been used.
#[derive(Debug, Default)]
pub struct Scope {
    values: IndexMap<String, Option<String>>,
    unknown: BTreeSet<String>,
    used: RefCell<BTreeSet<String>>,
}

/// What is said where a value is used that has an error of its own, which is told instead.
pub const TOLD: &str = "the value of this variable is not known";

impl Scope {
    /// Declares a name; `None` is a var that is null.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        self.values.insert(name.to_owned(), value);
    }

    /// Declares a name whose value could not be had.
    pub fn set_unknown(&mut self, name: &str) {
        self.set(name, Some(String::new()));
        self.unknown.insert(name.to_owned());
    }

    /// All names and values, in the order of their declaration.
    pub fn values(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// What a text says with these values put in ([`expand_in`]).
    ///
    /// # Errors
    /// That a variable is not there, or has no text.
    pub fn expand(&self, text: &str) -> Result<Option<String>, String> {
        expand_in(text, &|name| Ok(self.look_up(name)?.map(str::to_owned)))
    }

    /// Marks a name as used.
    pub fn mark(&self, name: &str) {
        self.used.borrow_mut().insert(name.to_owned());
    }

    /// Whether a name has been used.
    pub fn is_used(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// The value of a name, which is then marked as used.
    ///
    /// # Errors
    /// That there is no such name, or that its value is not known ([`TOLD`]).
    pub fn look_up(&self, name: &str) -> Result<Option<&str>, String> {
        self.mark(name);
        if self.unknown.contains(name) {
            return Err(TOLD.into());
        }
        match self.values.get(name) {
            Some(value) => Ok(value.as_deref()),
            None => Err(format!(
                "`${{{name}}}` is not a variable{}; declare it under `vars`",
                nearest(name, self.values.keys().map(String::as_str))
            )),
        }
    }
}

/// What a text says after its variables are put in: `${name}` becomes its value, `$${` becomes `${`, any other `$`
/// stands for itself. Nothing when it is one null variable.
///
/// # Errors
/// That a variable is not there or has no text, or what `look_up` says.
pub fn expand_in(text: &str, look_up: &LookUp<'_>) -> Result<Option<String>, String> {
    if let Some(name) = whole(text) {
        return look_up(name);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$${") {
            expanded.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let end = after
                .find('}')
                .ok_or("a `${` without its `}`; write `$${` for the two characters")?;
            let name = &after[..end];
            let value = look_up(name)?;
            expanded.push_str(&value.ok_or_else(|| {
                format!("`${{{name}}}` is null, and null has no text to put between other text")
            })?);
            rest = &after[end + 1..];
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

/// The value of a name; none where it is null.
pub type LookUp<'a> = dyn Fn(&str) -> Result<Option<String>, String> + 'a;

/// The name of the one variable that a text is.
pub fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then_some(name)
}

/// ` (did you mean …?)` for a name that is close to `wanted`, or nothing.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let close = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wanted.len()) / 4)
        .min();
    close.map_or_else(String::new, |(_, name)| format!(" (did you mean `{name}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand_in(text: &str, scope: &Scope) -> Result<Option<String>, String> {
        scope.expand(text)
    }

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.set("port", Some("8080".into()));
        scope.set("domain", None);
        scope
    }

    #[test]
    fn variables_are_put_in() {
        let scope = scope();
        assert_eq!(
            expand_in("127.0.0.1:${port}/$x", &scope),
            Ok(Some("127.0.0.1:8080/$x".into()))
        );
        assert_eq!(expand_in("$${port}", &scope), Ok(Some("${port}".into())));
        assert_eq!(expand_in("${domain}", &scope), Ok(None));
        assert!(scope.is_used("port"));
    }

    #[test]
    fn what_cannot_be_put_in_says_why() {
        let scope = scope();
        assert!(
            expand_in("${prot}", &scope)
                .expect_err("unknown")
                .contains("did you mean `port`?")
        );
        assert!(
            expand_in("https://${domain}", &scope)
                .expect_err("null")
                .contains("is null")
        );
        assert!(
            expand_in("a ${port", &scope)
                .expect_err("open")
                .contains("without its")
        );
    }

    proptest! {
        #[test]
        fn any_text_expands_or_says_why(text in ".{0,40}") {
            let _ = expand_in(&text, &scope());
        }

        #[test]
        fn text_without_a_dollar_stays(text in "[^$]{0,40}") {
            prop_assert_eq!(expand_in(&text, &scope()), Ok(Some(text)));
        }
    }
}
