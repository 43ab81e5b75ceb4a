//! What can go wrong between here and a host: one line of cause, one of mend.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// A connection could not be made, or did not last.
///
/// In every variant `host` is the host as the person named it and `cause` the operating system's,
/// the server's or the parser's own words.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "the fields are those of the message")]
pub enum SshError {
    /// The SSH configuration cannot be read.
    #[error("cannot follow the SSH configuration: {cause}")]
    #[diagnostic(help("correct it: `ssh` must be able to follow it, too"))]
    Config { cause: String },

    /// The configuration says something that is not followed, and that we must not pass over.
    #[error("hostwright does not follow `{directive} {value}` for {host} ({place})")]
    #[diagnostic(help(
        "passed over, it could reach or trust another host than ssh does; set `{directive} none` for it, or name the host by an address that can be reached directly"
    ))]
    Unfollowed {
        host: String,
        directive: String,
        value: String,
        place: String,
    },

    /// The name has no address.
    #[error("could not resolve {name}: {cause}")]
    #[diagnostic(help("check the spelling, or give an IP address"))]
    Resolve { name: String, cause: String },

    /// Nothing listens on the port.
    #[error("{host} refused the connection to {address}")]
    #[diagnostic(help(
        "if it let us in just now, a firewall limits how often one may connect (`ufw limit`): wait a minute. Else check that sshd runs there and listens on this port, or give another as host:port"
    ))]
    Refused { host: String, address: String },

    /// The network gave up before the port was reached.
    #[error("could not connect to {host} at {address}: {cause}")]
    #[diagnostic(help("check the address and the route to it"))]
    Connect {
        host: String,
        address: String,
        cause: String,
    },

    /// Nobody answered in time.
    #[error("{host} did not answer at {address} within {seconds} s")]
    #[diagnostic(help("check that the host is up and that no firewall drops the port"))]
    Timeout {
        host: String,
        address: String,
        seconds: u64,
    },

    /// Something else listens on the port.
    #[error("{host} does not speak SSH at {address}: it said `{said}`")]
    #[diagnostic(help("give the port of its sshd as host:port"))]
    NotSsh {
        host: String,
        address: String,
        said: String,
    },

    /// sshd takes no connection of ours for now.
    #[error("sshd of {host} turns us away at {address}: it said `{said}`")]
    #[diagnostic(help(
        "it had too many connections that did not log in, from here or from all (PerSourcePenalties, MaxStartups): wait some minutes, and see that nobody else knocks there all the time"
    ))]
    TurnedAway {
        host: String,
        address: String,
        said: String,
    },

    /// The connection was closed before a word was said.
    #[error("{host} closed the connection to {address} before it said a word")]
    #[diagnostic(help(
        "another service may listen there, or sshd turns us away (fail2ban, MaxStartups, hosts.deny)"
    ))]
    Closed { host: String, address: String },

    /// The two sides could not agree on a session.
    #[error("the SSH handshake with {host} failed: {cause}")]
    #[diagnostic(help("`ssh -v {host}` shows what its sshd offers"))]
    Handshake { host: String, cause: String },

    /// A known_hosts file cannot be read or written.
    #[error("cannot use the known hosts in {}: {cause}", file.display())]
    #[diagnostic(help("check its permissions, or name another known-hosts file"))]
    KnownHosts { file: PathBuf, cause: String },

    /// Nothing is known about the host's key.
    #[error("the host key of {host} is not known: {algorithm} {fingerprint}")]
    #[diagnostic(help("compare the fingerprint with the host's own, then {learn}"))]
    UnknownKey {
        host: String,
        algorithm: String,
        /// `SHA256:…`, as ssh-keygen prints it.
        fingerprint: String,
        learn: String,
    },

    /// The host presents another key than the known one.
    #[error(transparent)]
    #[diagnostic(transparent)]
    ChangedKey(Box<ChangedKey>),

    /// The key is marked `@revoked`.
    #[error("the host key of {host} is revoked at {place}: {fingerprint}")]
    #[diagnostic(help("do not connect: whoever holds this key may not be {host}; give the host a new key"))]
    RevokedKey {
        host: String,
        place: String,
        fingerprint: String,
    },

    /// There is no key to log in with.
    #[error("there is no SSH key to log in with as {user} on {host}: looked in {looked}")]
    #[diagnostic(help("give a key with -i FILE, or make one with `ssh-keygen -t ed25519`"))]
    NoKey {
        user: String,
        host: String,
        looked: String,
    },

    /// A private key file cannot be used.
    #[error("cannot read the SSH key {}: {cause}", file.display())]
    #[diagnostic(help(
        "check the path and its permissions; it must be a private key such as ssh-keygen makes"
    ))]
    KeyFile { file: PathBuf, cause: String },

    /// The only key is locked with a passphrase.
    #[error("the SSH key {} is encrypted", file.display())]
    #[diagnostic(help("unlock it for the session: `eval $(ssh-agent)`, then `ssh-add {}`", file.display()))]
    EncryptedKey { file: PathBuf },

    /// The host wants none of the keys.
    #[error("{host} did not let {user} in with {keys}")]
    #[diagnostic(help(
        "name the right key with -i FILE, or add its public half to ~{user}/.ssh/authorized_keys on the host"
    ))]
    Auth {
        host: String,
        user: String,
        keys: String,
    },

    /// The host would not run the command.
    #[error("{host} refused to run a command: {cause}")]
    #[diagnostic(help("check ForceCommand, the login shell and MaxSessions of sshd on the host"))]
    Session { host: String, cause: String },

    /// The login shell ended without having run the command.
    #[error("{host} does not run commands for {user}: its login shell ended with {status}; {said}")]
    #[diagnostic(help(
        "`ssh {user}@{host} sh -c true` must work: on the host, `getent passwd {user}` names the shell; a command in authorized_keys, ForceCommand or a start-up file may stand in its place. Or log in as another user"
    ))]
    Shell {
        host: String,
        user: String,
        status: i32,
        said: String,
    },

    /// The login shell does not come to the command.
    #[error("the login shell of {user} on {host} did not begin with our command within {seconds} s; {said}")]
    #[diagnostic(help(
        "its start-up files, or a command in authorized_keys, may wait for something: see what `ssh {user}@{host} sh -c true` does"
    ))]
    Silent {
        host: String,
        user: String,
        seconds: u64,
        said: String,
    },

    /// A cloud image wants another user.
    #[error("{host} lets {user} in only to say: log in as {other}")]
    #[diagnostic(help("name the host as {other}@{host}"))]
    AnotherUser {
        host: String,
        user: String,
        other: String,
    },

    /// The remote user is not root and there is no sudo.
    #[error("{user} on {host} is not root, and sudo is not installed there")]
    #[diagnostic(help("log in as root, or install sudo there: apt-get install sudo"))]
    SudoMissing { host: String, user: String },

    /// sudo asks for a password, or does not allow it at all.
    #[error("{user} on {host} may not become root without a password: {cause}")]
    #[diagnostic(help("on the host, put `{user} ALL=(ALL) NOPASSWD: ALL` into /etc/sudoers.d/{user}"))]
    SudoPassword {
        host: String,
        user: String,
        cause: String,
    },

    /// The connection broke after it was made.
    #[error("the connection to {host} was lost")]
    #[diagnostic(help(
        "run the same command again once the host can be reached: it goes on from where it was"
    ))]
    Lost { host: String },
}

/// The host presents another key than the known one: a new machine, or an attack.
#[derive(Debug, Error, Diagnostic)]
#[error("the host key of {host} has changed: {place} knows {known}, it now shows {offered}")]
#[diagnostic(help("if the change is expected, forget the old key: {forget}"))]
pub struct ChangedKey {
    /// The host as the person named it.
    pub host: String,
    /// Where the old key stands, as `file:line`.
    pub place: String,
    /// Algorithm and fingerprint of the old key.
    pub known: String,
    /// Algorithm and fingerprint of the new key.
    pub offered: String,
    /// The command that removes the old key.
    pub forget: String,
}
