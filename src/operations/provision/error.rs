//! Why there is no machine that can be used: one line of cause, one of mend.

use std::net::IpAddr;

use crate::host::provider::{OURS, ProviderError};
use crate::host::ssh::SshError;

/// Why there is no machine that can be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the fields are those of the message")]
pub enum ProvisionError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    #[error("{title} has a machine `{label}` ({id}) that hostwright did not make")]
    #[diagnostic(help(
        "take another label; or, if it is yours to set up, give it the tag `{OURS}`, or `hostwright apply` to it as {provider}:{label}"
    ))]
    Foreign {
        title: &'static str,
        provider: &'static str,
        label: String,
        id: String,
    },
    #[error("the machine `{label}` has the {what} {is}, not {wanted}")]
    #[diagnostic(help(
        "hostwright changes no machine: name what it has, or take another label for another machine"
    ))]
    Differs {
        label: String,
        what: &'static str,
        is: String,
        wanted: String,
    },
    #[error("it is not known whether {title} took the order for `{label}`: {cause}")]
    #[diagnostic(help(
        "run it again: the machine is looked for by the order's tag {tag} before another is ordered"
    ))]
    Unclear {
        title: &'static str,
        label: String,
        cause: String,
        tag: String,
    },
    #[error("the machine `{label}` is {state}")]
    #[diagnostic(help("switch it on at {title}, then run it again"))]
    Stopped {
        title: &'static str,
        label: String,
        state: String,
    },
    #[error("the machine `{label}` ({id}) is gone: {title} does not know it any more")]
    #[diagnostic(help("somebody else has removed it; run it again to order another"))]
    Gone {
        title: &'static str,
        label: String,
        id: String,
    },
    #[error("the machine `{label}` has no address yet")]
    #[diagnostic(help("it is being made: `hostwright vm show {label}` says when it has one"))]
    NoAddress { label: String },
    #[error("the machine `{label}` is not usable after {minutes} minutes: {cause}")]
    #[diagnostic(help(
        "run it again to wait on; if it stays so, look at the machine's console at its provider, or destroy it and order another"
    ))]
    Slow {
        label: String,
        minutes: u64,
        cause: String,
    },
    #[error("whoever answers at {address} does not have the host key that the machine `{label}` was given")]
    #[diagnostic(help(
        "nothing was sent there. The image may not have run cloud-init (take another), or somebody stands in between: look at the machine's console. It said: {cause}"
    ))]
    AnotherKey {
        label: String,
        address: IpAddr,
        cause: String,
    },
}
