//! Why there is no answer.

use std::time::Duration;

/// Why a question has no answer, in words that a person or a model can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The question is wrong.
    #[error("{0}")]
    Input(String),
    /// The source does not know the name.
    #[error("{what} {name} is unknown{}", suggestion(near))]
    Unknown {
        /// What was named: `the spot pair`.
        what: &'static str,
        /// The name.
        name: String,
        /// Known names that are like it.
        near: Vec<String>,
    },
    /// The source asked for a pause, or would if it were asked now.
    #[error("{source_name} limits how often it is asked; ask again in {} s", whole_seconds(*retry))]
    Limited {
        /// Who.
        source_name: &'static str,
        /// When it may be asked again.
        retry: Duration,
    },
    /// The source does not answer.
    #[error("{source_name} does not answer: {cause}; ask again in {} s", whole_seconds(*retry))]
    Down {
        /// Who.
        source_name: &'static str,
        /// Why.
        cause: String,
        /// When it is asked again.
        retry: Duration,
    },
    /// The source answered what cannot be understood.
    #[error("{source_name} answered what cannot be understood: {cause}")]
    Nonsense {
        /// Who.
        source_name: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl Failure {
    /// The HTTP status that says so.
    pub fn status(&self) -> u16 {
        match self {
            Self::Input(_) => 400,
            Self::Unknown { .. } => 404,
            Self::Limited { .. } | Self::Down { .. } => 503,
            Self::Nonsense { .. } => 502,
        }
    }

    /// In how many seconds asking again makes sense; none when it never does.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Limited { retry, .. } | Self::Down { retry, .. } => Some(whole_seconds(*retry)),
            Self::Input(_) | Self::Unknown { .. } | Self::Nonsense { .. } => None,
        }
    }

    /// Whether an older answer may stand in.
    pub(super) fn may_be_bridged(&self) -> bool {
        matches!(
            self,
            Self::Limited { .. } | Self::Down { .. } | Self::Nonsense { .. }
        )
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).max(1) as u64
}

fn suggestion(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_to_do() {
        let unknown = Failure::Unknown {
            what: "the spot pair",
            name: "BTTCUSDT".into(),
            near: vec!["BTCUSDT".into(), "BTTUSDT".into()],
        };
        assert_eq!(
            unknown.to_string(),
            "the spot pair BTTCUSDT is unknown; did you mean BTCUSDT, BTTUSDT?"
        );
        let limited = Failure::Limited {
            source_name: "spot",
            retry: Duration::from_millis(1500),
        };
        assert_eq!(
            limited.to_string(),
            "spot limits how often it is asked; ask again in 2 s"
        );
        assert_eq!((limited.status(), limited.retry_after()), (503, Some(2)));
    }
}
