//! What can go wrong with a provider: one line of cause, one of mend.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::host::rehearsal::RehearsalError;

/// A provider did not do what it was asked. `provider` is its name for a person, `said` its own words.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "the fields are those of the message")]
pub enum ProviderError {
    /// Nobody is called so.
    #[error("there is no provider `{name}`")]
    #[diagnostic(help("the providers are: {}", .known))]
    NoProvider { name: String, known: String },

    /// There is nothing to prove who asks.
    #[error("there is no API key for {provider}: {variable} is not set, and {} is not there", file.display())]
    #[diagnostic(help(
        "make a key at {page}, and put it into the environment or, readable by you alone (mode 0600), into that file"
    ))]
    NoKey {
        provider: &'static str,
        variable: &'static str,
        file: PathBuf,
        page: &'static str,
    },

    /// The key is there and cannot be used.
    #[error("the API key in {place} cannot be used: {cause}")]
    #[diagnostic(help("{mend}"))]
    BadKey {
        place: String,
        cause: String,
        mend: String,
    },

    /// The address of the API is not one that a key may be sent to.
    #[error("{variable} is `{url}`, and no API key is sent there: {cause}")]
    #[diagnostic(help("the variable is for tests: unset it"))]
    Endpoint {
        variable: &'static str,
        url: String,
        cause: String,
    },

    /// The key is not one.
    #[error("{provider} does not accept the API key ({status}): {said}")]
    #[diagnostic(help(
        "check the key and from which addresses it may be used: {page}; nothing was ordered or removed"
    ))]
    Unauthorized {
        provider: &'static str,
        status: u16,
        said: String,
        page: &'static str,
    },

    /// The provider understood and will not.
    #[error("{provider} will not {what} ({status}): {said}")]
    #[diagnostic(help("its words say what is wrong with the request; nothing was changed"))]
    Refused {
        provider: &'static str,
        what: String,
        status: u16,
        said: String,
    },

    /// Too many questions.
    #[error("{provider} takes no more requests for now: {said}")]
    #[diagnostic(help("other programs may use the same account or address; wait a minute and run again"))]
    Busy { provider: &'static str, said: String },

    /// No answer, or one that says that something broke.
    #[error("{provider} did not {what}: {cause}")]
    #[diagnostic(help(
        "see that this machine reaches {endpoint}, and whether {provider} says that it has trouble; then run again"
    ))]
    Unavailable {
        provider: &'static str,
        what: String,
        cause: String,
        endpoint: String,
    },

    /// The answer is not what the API's documentation says.
    #[error("{provider} answered in an unknown form when it was to {what}: {cause}")]
    #[diagnostic(help("its API may have changed; report this as a bug"))]
    Unreadable {
        provider: &'static str,
        what: String,
        cause: String,
    },

    /// No plan, region or image has that name.
    #[error("{provider} has no {kind} `{name}`{}", meant(.near))]
    #[diagnostic(help("`hostwright vm {kind}s` lists them"))]
    Unknown {
        provider: &'static str,
        kind: &'static str,
        name: String,
        near: Option<String>,
    },

    /// The plan is not to be had there.
    #[error("{provider} has no {plan} in {region} now")]
    #[diagnostic(help("{}", elsewhere(.regions)))]
    SoldOut {
        provider: &'static str,
        plan: String,
        region: String,
        regions: Vec<String>,
    },

    /// A label that could be no host name.
    #[error("`{label}` is no label for a machine")]
    #[diagnostic(help(
        "it becomes the host name: 1 to 63 of a-z, 0-9 and -, with no - at either end, and not digits alone"
    ))]
    BadLabel { label: String },

    /// Nothing is called so.
    #[error("{provider} has no machine `{label}`{}", meant(.near))]
    #[diagnostic(help("`hostwright vm list` shows those there are, `hostwright up` makes one"))]
    NoMachine {
        provider: &'static str,
        label: String,
        near: Option<String>,
    },

    /// A label that is not a name.
    #[error("{} machines of {provider} have the label `{label}`: {}", .ids.len(), .ids.join(", "))]
    #[diagnostic(help(
        "each of them costs money: `hostwright vm list` shows them; remove one by its id with `hostwright vm destroy ID`, or give it another label"
    ))]
    Several {
        provider: &'static str,
        label: String,
        ids: Vec<String>,
    },

    /// What this machine remembers of an order cannot be read or written.
    #[error("cannot {action} {}: {cause}", path.display())]
    #[diagnostic(help(
        "what is known of an order stands there (its tag, its host key), so none is made without it: check the directory's permissions and room"
    ))]
    Record {
        action: &'static str,
        path: PathBuf,
        cause: String,
    },

    /// Two at once.
    #[error("another hostwright on this machine is at work on the machine `{label}`")]
    #[diagnostic(help("wait until it has ended"))]
    Locked { label: String },

    /// This machine gives no random numbers.
    #[error("no key could be made: this machine gives no random numbers")]
    #[diagnostic(help("nothing was ordered; run again"))]
    Random,

    /// The throwaway host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rehearsal(#[from] RehearsalError),
}

/// What an error tells of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was not taken, and will not be.
    Refused,
    /// It was not taken, but may be if it is given again.
    NotNow,
    /// Nobody can say.
    Unknown,
}

impl ProviderError {
    /// What this error tells of the order that it is the answer to.
    pub fn was_taken(&self) -> Taken {
        match self {
            Self::Busy { .. } => Taken::NotNow,
            Self::Unavailable { .. } | Self::Unreadable { .. } => Taken::Unknown,
            _ => Taken::Refused,
        }
    }
}

fn meant(near: &Option<String>) -> String {
    match near {
        Some(near) => format!("; is `{near}` meant?"),
        None => String::new(),
    }
}

fn elsewhere(regions: &[String]) -> String {
    match regions {
        [] => "no region has it: take another plan of `hostwright vm plans`".into(),
        _ => format!(
            "it is to be had in {}; or take another plan of `hostwright vm plans`",
            regions.join(", ")
        ),
    }
}
