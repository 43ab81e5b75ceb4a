//! What certbot is asked for, and where it keeps what it got.

use crate::change::Id;
use crate::shell;

/// Let's Encrypt's ACME directory (its documentation, "ACME Protocol Updates"); certbot's default too.
pub(super) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// What certbot runs after a renewal.
pub(super) const HOOK: &str = "/etc/letsencrypt/renewal-hooks/deploy/hostwright-reload-nginx";

/// What others must know of a certificate.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub id: Id,
    pub name: String,
    pub domains: Vec<String>,
    pub webroot: String,
}

impl Issued {
    /// Where certbot keeps the live files (certbot's documentation, "Where are my certificates?").
    pub fn directory(&self) -> String {
        format!("/etc/letsencrypt/live/{}", self.name)
    }

    pub fn full_chain(&self) -> String {
        format!("{}/fullchain.pem", self.directory())
    }
}

/// What certbot is asked for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub issued: Issued,
    pub email: Option<String>,
    pub server: String,
}

impl Order {
    /// What gets it. `force` asks for a new one even while the old one is valid.
    pub fn command(&self, force: bool, account: Option<&str>) -> String {
        let mut words = vec![
            "certbot",
            "certonly",
            "--non-interactive",
            "--agree-tos",
            "--webroot",
        ];
        words.extend([
            "--webroot-path",
            &self.issued.webroot,
            "--cert-name",
            &self.issued.name,
        ]);
        words.extend(["--server", &self.server, "--renew-with-new-domains"]);
        words.push(if force {
            "--force-renewal"
        } else {
            "--keep-until-expiring"
        });
        for domain in &self.issued.domains {
            words.extend(["--domain", domain]);
        }
        match &self.email {
            Some(email) => words.extend(["--email", email]),
            None => words.push("--register-unsafely-without-email"),
        }
        words.extend(account.iter().flat_map(|account| ["--account", account]));
        shell::words(words)
    }
}
