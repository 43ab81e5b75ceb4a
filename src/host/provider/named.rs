//! The providers there are, by their names.

use super::error::ProviderError;
use super::offer::Provider;
use super::{rehearsal, vultr};

/// The names of all providers; the first is taken where none is named.
pub const NAMES: [&str; 2] = [vultr::NAME, rehearsal::NAME];

/// The provider of that name.
///
/// # Errors
/// When there is none, or what it needs (a key, say) is not there.
pub fn by_name(name: &str) -> Result<Box<dyn Provider>, ProviderError> {
    match name {
        vultr::NAME => Ok(Box::new(vultr::Vultr::of_this_user()?)),
        rehearsal::NAME => Ok(Box::new(rehearsal::ThisMachine)),
        _ => Err(ProviderError::NoProvider {
            name: name.to_owned(),
            known: NAMES.join(", "),
        }),
    }
}
