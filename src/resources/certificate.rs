//! TLS certificates: by certbot, through a webroot that an nginx site serves or through DNS, or the playbook's own. Off
//! while there is no domain.

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

mod dns;
mod own;
mod pem;

use self::dns::Dns;
use self::own::Own;
use super::certbot::{Challenge, HOOK, Issued, LETS_ENCRYPT, Order, STAGING};
use super::renewal::{self, Renewal};
use crate::change::{Change, Id};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::{AbsPath, Flag, Line, WildDomain, optional};
use crate::language::scope::nearest;
use crate::language::{Declaration, Problem, Render};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// A certificate. Without a domain it is off, and a site that names it answers over HTTP. certbot orders it of Let's
/// Encrypt, and renews it, unless it is the playbook's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The domain, or all names below one (`*.example.com`), which `dns` proves; null switches the certificate off.
    #[serde(deserialize_with = "optional")]
    pub domain: Option<WildDomain>,
    /// Further domains. One more or less orders the certificate anew.
    #[serde(default)]
    pub aliases: Vec<WildDomain>,
    /// Where the authority sends warnings; none unless given.
    #[serde(default, deserialize_with = "optional")]
    pub email: Option<Line>,
    /// The directory that answers challenges; `/var/www/acme` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub webroot: Option<AbsPath>,
    /// The challenge is answered by records of DNS instead, which scripts of the playbook add and take away.
    #[serde(default)]
    pub dns: Option<Dns>,
    /// The authority's ACME directory; Let's Encrypt's unless given.
    #[serde(default, deserialize_with = "optional")]
    pub server: Option<Line>,
    /// Whether it comes from Let's Encrypt's staging environment: no browser trusts it, and hardly any limits apply.
    /// Once this is false, it is ordered of the real one.
    #[serde(default, deserialize_with = "optional")]
    pub staging: Option<Flag>,
    /// A certificate that is there already, with its key: nothing is ordered. It must be for the domain and the
    /// aliases.
    #[serde(default)]
    pub own: Option<Own>,
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

/// Where the files are of what is the playbook's own: nginx loads what changes there.
const OWN: &str = "/etc/nginx/certificates";

impl Certificate {
    /// What others must know of it, unless it is off.
    fn issued(&self, name: &str) -> Option<Issued> {
        let domain = self.domain.as_ref()?;
        // certbot asks for a name once, however often it is told.
        let domains: IndexSet<String> = std::iter::once(domain)
            .chain(&self.aliases)
            .map(|domain| domain.0.clone())
            .collect();
        let webroot = self.webroot.as_ref().map_or("/var/www/acme", |path| &path.0);
        let answers = self.dns.is_none() && self.own.is_none();
        Some(Issued {
            id: Id::new("certificate", name),
            name: name.into(),
            domains: domains.into_iter().collect(),
            directory: match self.own {
                Some(_) => format!("{OWN}/{name}"),
                None => Issued::live(name),
            },
            own: self.own.is_some(),
            webroot: answers.then(|| webroot.to_owned()),
        })
    }

    /// Refuses what does not go together.
    fn check(&self, issued: &Issued) -> Result<(), Problem> {
        let staging = self.staging.as_ref().is_some_and(|flag| flag.0);
        let others = [
            ("dns", self.dns.is_some()),
            ("email", self.email.is_some()),
            ("webroot", self.webroot.is_some()),
            ("server", self.server.is_some()),
            ("staging", staging),
        ];
        if self.own.is_some()
            && let Some((field, _)) = others.iter().find(|(_, given)| *given)
        {
            return Err(Problem::new(
                format!("`own` orders no certificate, so that `{field}` says nothing"),
                "take out one of the two",
            ));
        }
        if staging && self.server.is_some() {
            return Err(Problem::new(
                "`staging` is Let's Encrypt's, and `server` names another authority",
                "take out one of the two; other authorities have a directory of their own for tests",
            ));
        }
        if self.dns.is_some() && self.webroot.is_some() {
            return Err(Problem::new(
                "the challenge is answered in one way: `dns` or `webroot`",
                "take out one of the two",
            ));
        }
        match issued.domains.iter().find(|domain| domain.starts_with('*')) {
            Some(domain) if issued.webroot.is_some() => Err(Problem::new(
                format!("a certificate for `{domain}` is proved through DNS alone (RFC 8555, section 7.1.3)"),
                "give `dns` the scripts that add and take away the record: `dns: { auth_hook: …, cleanup_hook: … }`",
            )),
            _ => Ok(()),
        }
    }

    /// The authority's directory.
    fn server(&self) -> &str {
        let staging = self.staging.as_ref().is_some_and(|flag| flag.0);
        let own = if staging { STAGING } else { LETS_ENCRYPT };
        self.server.as_ref().map_or(own, |line| &line.0)
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
        self.check(&issued)?;
        if let Some(own) = &self.own {
            return own.render(issued, cx);
        }
        let wanted = || {
            cx.announced::<Wanted>()
                .filter(|wanted| wanted.certificate == name)
        };
        let sites: Vec<Id> = wanted().map(|wanted| Id::new("nginx", &wanted.site)).collect();
        let mut challenges: Vec<Id> = wanted().map(|wanted| challenge_id(&wanted.site)).collect();
        // A site that names a certificate that is not there is told of that itself.
        let misspelt = |wanted: &Wanted| declared(&wanted.certificate, cx).is_err();
        if self.dns.is_none() && sites.is_empty() && !cx.announced::<Wanted>().any(misspelt) {
            return Err(Problem::missing(
                format!("no nginx site answers the challenge for `{name}`"),
                format!("give a site `certificate: {name}`, or the certificate `dns`"),
            ));
        }
        let (challenge, hooks) = match (&self.dns, &issued.webroot) {
            (Some(dns), _) => {
                challenges.clear();
                dns.put_in_place(name, cx)?
            }
            (None, webroot) => (
                Challenge::Webroot(webroot.clone().unwrap_or_default()),
                Vec::new(),
            ),
        };
        let content = cx.template("reload-nginx.sh.hbs", Map::new())?;
        let hook = ManagedFile::new(HOOK, content).mode("0755");
        let hook_id = Id::new("certificate", "renewal-hook");
        if !sites.is_empty() && !cx.has(&hook_id) {
            cx.push(Plain {
                id: hook_id,
                file: hook,
            });
        }
        cx.needs_unit("certbot.timer", "certbot", issued.id.as_str());
        let order = Order {
            email: self.email.as_ref().map(|line| line.0.clone()),
            server: self.server().to_owned(),
            issued,
            challenge,
            hooks,
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
        vec![Ref::Path(self.order.issued.directory.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = vec![
            Ref::Package("certbot".into()),
            Ref::Id(Id::new("certificate", "renewal-hook")),
            // The challenge comes in from outside.
            Ref::Id(Id::new("ufw", "firewall")),
        ];
        needs.extend(self.order.issued.webroot.clone().map(Ref::Path));
        let ids = self.challenges.iter().chain(&self.order.hooks);
        needs.extend(ids.cloned().map(Ref::Id));
        needs
    }

    fn ask(&self, questions: &mut Questions) {
        renewal::ask(&self.order, questions);
    }

    fn waits(&self, cx: &Context<'_>) -> Option<String> {
        renewal::first_waits(&self.order, cx)
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        Ok(renewal::first(&self.order, cx)?.into_iter().collect())
    }
}
