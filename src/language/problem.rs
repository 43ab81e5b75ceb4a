//! What is wrong with one declaration, without its place.

use super::error::PlaybookError;

/// What is wrong with one declaration. Its place is that of the declaration, unless it has its own.
#[derive(Debug)]
pub enum Problem {
    /// Wrong at the declaration.
    Here {
        /// What.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// Wrong elsewhere: in a template, say.
    There(Box<PlaybookError>),
    /// Something is named that is not there. It may only have an error of its own, which is then told instead.
    Missing {
        /// What.
        message: String,
        /// What to do.
        help: String,
    },
}

impl From<PlaybookError> for Problem {
    fn from(error: PlaybookError) -> Self {
        Self::There(Box::new(error))
    }
}

impl Problem {
    /// A name at the declaration that nothing here has, with what to do.
    pub fn missing(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Missing {
            message: message.into(),
            help: help.into(),
        }
    }

    /// A problem at the declaration with its remedy.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Here {
            message: message.into(),
            help: Some(help.into()),
        }
    }
}
