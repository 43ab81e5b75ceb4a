//! TLS certificates by certbot, through a webroot that an nginx site serves. Off while there is no domain.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::certbot::{HOOK, Issued, LETS_ENCRYPT, Order};
use super::renewal::{self, Renewal};
use crate::change::{Change, Id};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::{AbsPath, Domain, Line, optional};
use crate::language::scope::nearest;
use crate::language::{Declaration, Problem, Render};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

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

/// A certificate that is declared: its name, and what others must know of it where it is not off.
struct Declared(String, Option<Issued>);

/// What a site says that wants a certificate.
#[derive(Debug)]
pub(super) struct Wanted {
    pub certificate: String,
    pub site: String,
}

/// The certificate of this name, or none when it is off.
pub(super) fn declared(name: &str, cx: &Render<'_>) -> Result<Option<Issued>, Problem> {
    let mut all = cx.announced::<Declared>();
    match all.find(|declared| declared.0 == name) {
        Some(declared) => Ok(declared.1.clone()),
        None => {
            let near = nearest(
                name,
                cx.announced::<Declared>().map(|declared| declared.0.as_str()),
            );
            Err(Problem::missing(
                format!("there is no certificate `{name}`{near}"),
                "declare it under `certificates`",
            ))
        }
    }
}

/// The id of the site that answers challenges before `site` has its certificate.
pub(super) fn challenge_id(site: &str) -> Id {
    Id::new("nginx", &format!("{site}/challenge"))
}

impl Certificate {
    /// What others must know of it, unless it is off.
    fn issued(&self, name: &str) -> Option<Issued> {
        let domain = self.domain.as_ref()?;
        let domains = std::iter::once(domain)
            .chain(&self.aliases)
            .map(|domain| domain.0.clone());
        let webroot = self
            .webroot
            .as_ref()
            .map_or("/var/www/acme", |path| &path.0)
            .to_owned();
        Some(Issued {
            id: Id::new("certificate", name),
            name: name.into(),
            domains: domains.collect(),
            webroot,
        })
    }
}

impl Declaration for Certificate {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        cx.announce(Declared(name.to_owned(), self.issued(name)));
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let Some(issued) = self.issued(name) else {
            return Ok(());
        };
        let wanted = || {
            cx.announced::<Wanted>()
                .filter(|wanted| wanted.certificate == name)
        };
        let challenges: Vec<Id> = wanted().map(|wanted| challenge_id(&wanted.site)).collect();
        let sites = wanted().map(|wanted| Id::new("nginx", &wanted.site)).collect();
        // A site that names a certificate that is not there is told of that itself.
        let misspelt = |wanted: &Wanted| declared(&wanted.certificate, cx).is_err();
        if challenges.is_empty() && !cx.announced::<Wanted>().any(misspelt) {
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
