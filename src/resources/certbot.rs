//! What certbot is asked for, and where it keeps what it got.

use crate::change::{Change, Id, sha256};
use crate::layout::BASE;
use crate::shell;

/// Let's Encrypt's ACME directory (its documentation, "ACME Protocol Updates"); certbot's default too.
pub(super) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// That of its staging environment, whose certificates no browser trusts (its documentation, "Staging Environment").
pub(super) const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// What certbot runs after a renewal.
pub(super) const HOOK: &str = "/etc/letsencrypt/renewal-hooks/deploy/hostwright-reload-nginx";

/// How an order is placed, and remembered when it fails.
const LIBRARY: &str = include_str!("order.sh");

/// What others must know of a certificate.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub id: Id,
    pub name: String,
    pub domains: Vec<String>,
    /// The directory on the host with `fullchain.pem` and `privkey.pem`.
    pub directory: String,
    /// Whether it is the playbook's own, for other names than these at no time.
    pub own: bool,
    /// Where sites find the answer to the authority's challenge; none where they do not answer it.
    pub webroot: Option<String>,
}

impl Issued {
    /// Where certbot keeps the live files (certbot's documentation, "Where are my certificates?").
    pub fn live(name: &str) -> String {
        format!("/etc/letsencrypt/live/{name}")
    }

    pub fn full_chain(&self) -> String {
        format!("{}/fullchain.pem", self.directory)
    }

    /// Whether it is for this name, itself or by a wildcard.
    pub fn covers(&self, name: &str) -> bool {
        self.domains.iter().any(|domain| covers(domain, name))
    }
}

/// Whether a certificate's name is that of a host: a `*` stands for one label (RFC 9525, section 6.3).
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    let wild = pattern.strip_prefix("*.");
    pattern == name || wild.is_some_and(|above| name.split_once('.').is_some_and(|(_, rest)| rest == above))
}

/// How the authority is shown that the names are ours.
#[derive(Clone, Debug)]
pub(super) enum Challenge {
    /// By a file below this directory, which sites serve (RFC 8555, section 8.3).
    Webroot(String),
    /// By a record of DNS (section 8.4), which scripts add and take away.
    Dns {
        /// The script that adds it, and what waits until it is known everywhere.
        auth: String,
        /// The script that takes it away.
        cleanup: String,
    },
}

impl Challenge {
    /// certbot's options, each with its value.
    fn options(&self) -> Vec<&str> {
        match self {
            Self::Webroot(path) => vec!["--webroot", "--webroot-path", path],
            Self::Dns { auth, cleanup } => vec![
                "--manual",
                "--preferred-challenges",
                "dns",
                "--manual-auth-hook",
                auth,
                "--manual-cleanup-hook",
                cleanup,
            ],
        }
    }

    /// What it goes by, for people.
    pub fn way(&self) -> String {
        match self {
            Self::Webroot(path) => format!("through {path}"),
            Self::Dns { .. } => "through DNS".to_owned(),
        }
    }
}

/// What certbot is asked for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub issued: Issued,
    pub email: Option<String>,
    pub server: String,
    pub challenge: Challenge,
    /// The scripts of the challenge.
    pub hooks: Vec<Id>,
}

impl Order {
    /// What is asked of certbot, wherever it is asked.
    fn words(&self) -> Vec<&str> {
        let mut words = vec!["certbot", "certonly", "--non-interactive", "--agree-tos"];
        words.extend(self.challenge.options());
        words.extend(["--cert-name", &self.issued.name]);
        words.extend(["--server", &self.server, "--renew-with-new-domains"]);
        for domain in &self.issued.domains {
            words.extend(["--domain", domain]);
        }
        match &self.email {
            Some(email) => words.extend(["--email", email]),
            None => words.push("--register-unsafely-without-email"),
        }
        words
    }

    /// What the order is, in short: another one is another order, and does not wait for this one.
    pub fn digest(&self) -> String {
        sha256(shell::words(self.words()).as_bytes())[..16].to_owned()
    }

    /// Where the host remembers that it failed.
    pub fn memory(&self) -> String {
        format!("{BASE}/orders/{}", self.issued.name)
    }

    /// Places it. `force` asks for a new one even while the old one is valid. What is ordered of Let's Encrypt is tried
    /// at its staging environment before, where failures cost nothing.
    pub fn placed(&self, change: Change, force: bool, account: Option<&str>) -> Change {
        let mut change = change;
        if self.server == LETS_ENCRYPT {
            let mut words = self.words();
            words.push("--dry-run");
            change = change
                .note("tried at its staging environment first, which costs nothing of the account's limits")
                .shell(shell::words(words));
        }
        let memory = self.memory();
        let digest = self.digest();
        let mut words = vec!["order", &memory, &digest];
        words.extend(self.words());
        words.push(if force {
            "--force-renewal"
        } else {
            "--keep-until-expiring"
        });
        words.extend(account.iter().flat_map(|account| ["--account", account]));
        change.shell(format!("{LIBRARY}\n{}", shell::words(words)))
    }
}
