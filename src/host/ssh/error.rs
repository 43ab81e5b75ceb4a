//! What can go wrong between here and a host: one line of cause, one of mend.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// A host as messages name it: as the person did, with the address that was reached where that says more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(Box<[String; 2]>);

impl Named {
    pub(super) fn new(name: &str, reached: &impl fmt::Display) -> Self {
        Self(Box::new([name.to_owned(), reached.to_string()]))
    }

    /// As the person named it.
    pub fn name(&self) -> &str {
        let [name, _] = &*self.0;
        name
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, reached] = &*self.0;
        let bare = |ip: &str| ip.trim_matches(['[', ']']) == name.trim_matches(['[', ']']);
        let is_same = reached == name || reached.strip_suffix(":22").is_some_and(bare);
        match is_same {
            true => f.write_str(name),
            false => write!(f, "{name} ({reached})"),
        }
    }
}

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
        "passed over, it could reach or trust another host than ssh does: take it away for this host, or set another value in a `Host` block above it"
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
        "if it let us in just now, a firewall limits how often one may connect (`ufw limit` takes five connections in 30 s): wait 30 s. Else check that sshd runs there and listens on this port, or give another as host:port; --wait is for a host that boots"
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
        "{}", match said.as_str() {
            "Not allowed at this time" => "connections from here failed before, and cost a penalty (PerSourcePenalties, 15 s to 10 min): wait that long without a try, and see that nothing else here knocks there",
            _ => "too many connections are logging in at once (MaxStartups): wait a minute, and see that nobody knocks there all the time",
        }
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

    /// Neither side speaks an algorithm of the other's.
    #[error(
        "{host} and hostwright have no {kind} algorithm in common: it offers {theirs}; hostwright offers {ours}"
    )]
    #[diagnostic(help("{mend}"))]
    NoCommon {
        host: String,
        kind: &'static str,
        ours: String,
        theirs: String,
        mend: String,
    },

    /// The program that should carry the bytes does not.
    #[error("the ProxyCommand of {host} does not lead there: `{command}` {said}")]
    #[diagnostic(help(
        "run it by hand: it must lead to the host's sshd and print nothing else on its output"
    ))]
    Proxy {
        host: String,
        command: String,
        said: String,
    },

    /// A host on the way to the host.
    #[error("the way to {host} leads through {hop}: {cause}")]
    #[diagnostic(help("{}", help_of(cause)))]
    Hop {
        host: String,
        hop: String,
        #[source]
        cause: Box<SshError>,
    },

    /// A host on the way is reached through itself.
    #[error("the way to {host} leads in a circle of ProxyJump")]
    #[diagnostic(help(
        "put `Host {host}` with `ProxyJump none` ahead of the block that sets it for all hosts"
    ))]
    Circle { host: String },

    /// A host on the way does not connect to the host.
    #[error("{hop} does not connect to {to} for us: {cause}")]
    #[diagnostic(help(
        "check that {to} can be reached from {hop}, and AllowTcpForwarding and PermitOpen of its sshd"
    ))]
    Onward { hop: String, to: String, cause: String },

    /// A known_hosts file, or one of revoked keys, cannot be read or written.
    #[error("cannot use the host keys in {}: {cause}", file.display())]
    #[diagnostic(help("check the file and its permissions, or name another"))]
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

    /// The host has another key than it should.
    #[error("the host key of {host} is {algorithm} {fingerprint}, not {expected}")]
    #[diagnostic(help(
        "nothing was sent to it. Give the fingerprint of its {algorithm} key, as `ssh-keygen -lf` prints it on the host; if it is right, another host answers at this address"
    ))]
    OtherFingerprint {
        host: String,
        algorithm: String,
        fingerprint: String,
        expected: String,
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
    #[error("{host} did not let {user} in with {tried}; it takes {offered}")]
    #[diagnostic(help("{mend}"))]
    Auth {
        host: Named,
        user: String,
        tried: String,
        offered: String,
        mend: String,
    },

    /// The host accepted something, and wants more.
    #[error("{host} accepted {accepted} of {user} and wants {wanted}")]
    #[diagnostic(help("{mend}"))]
    Besides {
        host: Named,
        user: String,
        accepted: String,
        wanted: String,
        mend: String,
    },

    /// Only root gets in for now.
    #[error("{host} does not let {user} in yet: {said}")]
    #[diagnostic(help("try again in a minute, or give --wait SECONDS"))]
    Booting { host: Named, user: String, said: String },

    /// The password must be changed first.
    #[error("the password of {user} on {host} has expired: it must be changed before anything else")]
    #[diagnostic(help("`hostwright trust {user}@{}` changes it, or `ssh -t {user}@{}`", host.name(), host.name()))]
    Expired { host: Named, user: String },

    /// The host would not run the command.
    #[error("{host} refused to run a command: {cause}")]
    #[diagnostic(help("check ForceCommand, the login shell and MaxSessions of sshd on the host"))]
    Session { host: Named, cause: String },

    /// The login shell ended without having run the command.
    #[error("{host} does not run commands for {user}: its login shell ended with {status}; {said}")]
    #[diagnostic(help(
        "`ssh {user}@{} sh -c true` must work: on the host, `getent passwd {user}` names the shell; a command in authorized_keys, ForceCommand or a start-up file may stand in its place. Or log in as another user",
        host.name()
    ))]
    Shell {
        host: Named,
        user: String,
        status: i32,
        said: String,
    },

    /// The login shell does not come to the command.
    #[error("the login shell of {user} on {host} did not begin with our command within {seconds} s; {said}")]
    #[diagnostic(help(
        "its start-up files, or a command in authorized_keys, may wait for something: see what `ssh {user}@{} sh -c true` does",
        host.name()
    ))]
    Silent {
        host: Named,
        user: String,
        seconds: u64,
        said: String,
    },

    /// A cloud image wants another user.
    #[error("{host} lets {user} in only to say: log in as {other}")]
    #[diagnostic(help("name the host as {other}@{}", host.name()))]
    AnotherUser {
        host: Named,
        user: String,
        other: String,
    },

    /// The remote user is not root, and nothing makes one of them.
    #[error("{user} on {host} is not root, and there is no sudo, doas or su")]
    #[diagnostic(help("log in as root, or install sudo there: apt-get install sudo"))]
    SudoMissing { host: Named, user: String },

    /// What makes root of the remote user wants a password, and there is none.
    #[error("{tool} on {host} wants the password of {owner}")]
    #[diagnostic(help(
        "give it on a terminal with --ask-sudo-pass, in HOSTWRIGHT_SUDO_PASSWORD or with --sudo-password-file FILE; or, on the host, {}put `{user} ALL=(ALL) NOPASSWD: ALL` into /etc/sudoers.d/{user}",
        if tool == "sudo" { "" } else { "install sudo (`apt-get install sudo`) and " }
    ))]
    RootPassword {
        host: Named,
        user: String,
        tool: String,
        owner: String,
    },

    /// It does not take the password.
    #[error("{tool} on {host} does not take the password of {owner}")]
    #[diagnostic(help("{tool} was asked once: give the password that {owner} has on the host"))]
    WrongRootPassword {
        host: Named,
        tool: String,
        owner: String,
    },

    /// sudo allows only some commands.
    #[error("sudo on {host} lets {user} run only some commands: {cause}")]
    #[diagnostic(help(
        "hostwright runs `sh` as root: on the host, put `{user} ALL=(ALL) ALL` into /etc/sudoers.d/{user}, or log in as root"
    ))]
    SudoRules {
        host: Named,
        user: String,
        cause: String,
    },

    /// The remote user may not become root at all.
    #[error("{user} on {host} may not become root: {cause}")]
    #[diagnostic(help(
        "on the host, put `{user} ALL=(ALL) ALL` into /etc/sudoers.d/{user}, or log in as root"
    ))]
    Sudo {
        host: Named,
        user: String,
        cause: String,
    },

    /// sudo wants a terminal.
    #[error("sudo on {host} wants a terminal: {cause}")]
    #[diagnostic(help("on the host, take `requiretty` out of /etc/sudoers"))]
    SudoTerminal { host: Named, cause: String },

    /// The connection broke after it was made.
    #[error("the connection to {host} was lost")]
    #[diagnostic(help(
        "run the same command again once the host can be reached: it goes on from where it was"
    ))]
    Lost { host: Named },
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

/// What to do for a host on the way.
fn help_of(cause: &SshError) -> String {
    cause.help().map_or(String::new(), |help| help.to_string())
}

impl SshError {
    /// Whether a host that boots says so.
    pub fn is_of_booting(&self) -> bool {
        match self {
            SshError::Refused { .. }
            | SshError::Connect { .. }
            | SshError::Timeout { .. }
            | SshError::Resolve { .. }
            | SshError::TurnedAway { .. }
            | SshError::Closed { .. }
            | SshError::Handshake { .. }
            | SshError::Lost { .. }
            | SshError::Onward { .. }
            | SshError::Booting { .. }
            | SshError::Proxy { .. } => true,
            SshError::Hop { cause, .. } => cause.is_of_booting(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_beside_a_name() {
        for (name, reached, shown) in [
            ("web", "203.0.113.50:22", "web (203.0.113.50:22)"),
            ("203.0.113.50", "203.0.113.50:22", "203.0.113.50"),
            ("203.0.113.50:2222", "203.0.113.50:2222", "203.0.113.50:2222"),
            ("::1", "[::1]:22", "::1"),
            (
                "10.0.0.5",
                "10.0.0.5:22 through gate",
                "10.0.0.5 (10.0.0.5:22 through gate)",
            ),
        ] {
            assert_eq!(Named::new(name, &reached).to_string(), shown);
        }
    }
}
