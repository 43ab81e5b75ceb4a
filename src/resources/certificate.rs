//! TLS certificates by certbot, through a webroot that an nginx site serves. Off while there is no domain.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::Playbook;
use super::file::Plain;
use super::managed::ManagedFile;
use super::renewal::{self, Renewal};
use crate::change::{Change, Id};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, Questions};
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{AbsPath, Domain, Line, Name, optional};
use crate::playbook::scope::nearest;
use crate::shell;

/// A certificate. Without a domain it is off, and a site that names it answers over HTTP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The domain; null switches the certificate off.
    #[serde(deserialize_with = "optional")]
    pub domain: Option<Domain>,
    /// Further domains.
    #[serde(default)]
    pub aliases: Vec<Domain>,
    /// Where the authority sends warnings; none unless given.
    #[serde(default, deserialize_with = "optional")]
    pub email: Option<Line>,
    /// The directory that answers challenges; `/var/www/acme` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub webroot: Option<AbsPath>,
    /// The authority's ACME directory; Let's Encrypt's unless given.
    #[serde(default, deserialize_with = "optional")]
    pub server: Option<Line>,
}

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
    fn of(name: &str, certificate: &Certificate) -> Option<Self> {
        let domain = certificate.domain.as_ref()?;
        let domains = std::iter::once(domain)
            .chain(&certificate.aliases)
            .map(|domain| domain.0.clone());
        let webroot = certificate
            .webroot
            .as_ref()
            .map_or("/var/www/acme", |path| &path.0)
            .to_owned();
        Some(Self {
            id: Id::new("certificate", name),
            name: name.into(),
            domains: domains.collect(),
            webroot,
        })
    }

    /// Where certbot keeps the live files (certbot's documentation, "Where are my certificates?").
    pub fn directory(&self) -> String {
        format!("/etc/letsencrypt/live/{}", self.name)
    }

    pub fn full_chain(&self) -> String {
        format!("{}/fullchain.pem", self.directory())
    }

    /// Whether the host has one that nginx can serve, whoever got it.
    pub fn is_there(&self, facts: &Facts) -> bool {
        renewal::State::read(facts.output(self.id.as_str())).is_readable()
    }
}

/// The certificate that a site names, or none when it is off.
pub(super) fn issued(name: &Name, playbook: &Playbook) -> Result<Option<Issued>, Problem> {
    let Some(placed) = playbook.certificates.get(name) else {
        let near = nearest(&name.0, playbook.certificates.keys().map(|name| name.0.as_str()));
        return Err(Problem::missing(
            format!("there is no certificate `{name}`{near}"),
            "declare it under `certificates`",
        ));
    };
    Ok(Issued::of(&name.0, &placed.value))
}

/// The id of the site that answers challenges before `site` has its certificate.
pub(super) fn challenge_id(site: &str) -> Id {
    Id::new("nginx", &format!("{site}/challenge"))
}

impl Declaration for Certificate {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let Some(issued) = Issued::of(name, self) else {
            return Ok(());
        };
        let playbook = &cx.loaded.playbook;
        let uses =
            |site: &super::nginx::Site| site.certificate.as_ref().is_some_and(|wanted| wanted.0 == name);
        let sites = || playbook.nginx.iter().filter(|(_, placed)| uses(&placed.value));
        let challenges: Vec<Id> = sites().map(|(site, _)| challenge_id(&site.0)).collect();
        let sites = sites().map(|(site, _)| Id::new("nginx", &site.0)).collect();
        let misspelt = |site: &super::nginx::Site| {
            site.certificate
                .as_ref()
                .is_some_and(|wanted| !playbook.certificates.contains_key(wanted))
        };
        // A site that names a certificate that is not there is told of that itself.
        if challenges.is_empty() && !playbook.nginx.values().any(|placed| misspelt(&placed.value)) {
            return Err(Problem::missing(
                format!("no nginx site answers the challenge for `{name}`"),
                format!("give a site `certificate: {name}`"),
            ));
        }
        let content = cx.template("reload-nginx.sh.hbs", Map::new())?;
        let hook = ManagedFile::new(HOOK, content).mode("0755");
        let hook_id = Id::new("certificate", "renewal-hook");
        if !cx.has(&hook_id) {
            cx.push(Plain {
                id: hook_id,
                file: hook,
            });
        }
        cx.needs_unit("certbot.timer", "certbot", issued.id.as_str());
        let order = Order {
            email: self.email.as_ref().map(|line| line.0.clone()),
            server: self
                .server
                .as_ref()
                .map_or(LETS_ENCRYPT, |line| &line.0)
                .to_owned(),
            issued,
        };
        cx.push(First {
            order: order.clone(),
            challenges,
        });
        cx.push(Renewal {
            id: Id::new("certificate", &format!("{name}/renewal")),
            order,
            sites,
        });
        Ok(())
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

/// A certificate where there is none. The site for the challenge comes before it, the final one after.
#[derive(Debug)]
struct First {
    order: Order,
    challenges: Vec<Id>,
}

impl Resource for First {
    fn id(&self) -> &Id {
        &self.order.issued.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.order.issued.directory())]
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = vec![
            Ref::Package("certbot".into()),
            Ref::Path(self.order.issued.webroot.clone()),
            Ref::Id(Id::new("certificate", "renewal-hook")),
            // The challenge comes in from outside.
            Ref::Id(Id::new("ufw", "firewall")),
        ];
        needs.extend(self.challenges.iter().cloned().map(Ref::Id));
        needs
    }

    fn ask(&self, questions: &mut Questions) {
        renewal::ask(&self.order, questions);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        Ok(renewal::first(&self.order, cx).into_iter().collect())
    }
}
