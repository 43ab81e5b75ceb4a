//! What certbot renews a certificate with. A certificate that was there before is good for some weeks whoever got
//! it, and is then renewed as its `/etc/letsencrypt/renewal/NAME.conf` says: that is compared with the playbook, and
//! mended without asking the authority for another certificate where that will do. It comes after the sites:
//! they answer the challenge with the certificate that is there.

use super::certbot::{Challenge, HOOK, Issued, LETS_ENCRYPT, Order, STAGING};
use super::renewal_conf::{Conf, Wanted, overrides};
use crate::change::{Action, Change, Content, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, Questions, Remains};
use crate::shell;

/// Options for all that certbot does.
const CLI: &str = "/etc/letsencrypt/cli.ini";

const QUESTION: &str = include_str!("renewal.sh");

/// Where the lines of certbot's own file begin in the answer.
const CONF: &str = "@conf";

/// Whether a hook stops what answers the challenge, as `grep -E` reads it.
const STOPS: &str = "nginx.*(stop|quit|kill)|(stop|quit|kill).*nginx";

/// Whether the host has a certificate that nginx can serve, whoever got it.
pub(super) fn is_there(issued: &Issued, facts: &Facts) -> bool {
    State::read(facts.output(issued.id.as_str())).is_readable()
}

/// Asks what must be known of a certificate on the host.
pub(super) fn ask(order: &Order, questions: &mut Questions) {
    questions.script(order.issued.id.as_str(), question(order));
    for path in places(order) {
        questions.path(&path);
    }
}

fn question(order: &Order) -> String {
    let issued = &order.issued;
    let server = order.server.split_once("://").map_or("", |(_, path)| path);
    let accounts = format!("accounts/{server}");
    let words = [
        ("live", issued.directory.clone()),
        ("chain", issued.full_chain()),
        ("conf", conf_path(&issued.name)),
        ("accounts", accounts),
        ("stops", STOPS.to_owned()),
        ("memory", order.memory()),
    ];
    let set = words.map(|(name, value)| format!("{name}={}\n", shell::quote(&value)));
    set.concat() + QUESTION
}

fn conf_path(name: &str) -> String {
    format!("/etc/letsencrypt/renewal/{name}.conf")
}

/// What stands on the host under a certificate's name.
#[derive(Debug)]
pub(super) struct State<'a> {
    text: &'a str,
    conf: Option<Conf<'a>>,
}

impl<'a> State<'a> {
    pub fn read(text: &'a str) -> Self {
        let (text, conf) = match text.split_once(&format!("{CONF}\n")) {
            Some((text, conf)) => (text, Conf::read(conf)),
            None => (text, None),
        };
        Self { text, conf }
    }

    fn says(&self, line: &str) -> bool {
        self.text.lines().any(|said| said == line)
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter_map(move |line| line.strip_prefix(key))
    }

    fn first(&self, key: &'static str) -> &'a str {
        self.all(key).next().unwrap_or_default()
    }

    /// Whether there is a certificate that nginx can serve.
    pub fn is_readable(&self) -> bool {
        self.says("readable")
    }

    /// What certbot could not renew it for, whatever stands in its file.
    fn foreign(&self) -> Option<String> {
        if let Some(path) = self.all("foreign=").next() {
            return Some(format!("{path} is not a link into certbot's archive"));
        }
        if self.domains().is_empty() {
            return Some("what stands there is no certificate with names".into());
        }
        match self.conf {
            None => Some("certbot has no file for it under /etc/letsencrypt/renewal".into()),
            Some(_) => None,
        }
    }

    fn domains(&self) -> Vec<&'a str> {
        let parts = self.text.split([',', '\n']);
        let mut names: Vec<&str> = parts
            .filter_map(|part| part.trim().strip_prefix("DNS:"))
            .collect();
        names.sort_unstable();
        names
    }

    /// The account to go on with; none where certbot has but one, or makes one.
    fn account(&self) -> Option<&'a str> {
        let accounts: Vec<&str> = self.all("account=").collect();
        let known = self.conf.as_ref().and_then(|conf| conf.get("account"));
        match &accounts[..] {
            [] | [_] => None,
            [first, ..] => Some(accounts.iter().find(|id| known == Some(id)).unwrap_or(first)),
        }
    }

    /// Refuses to bring a second certbot.
    fn refuse_snap(&self, id: &Id) -> Result<(), Refusal> {
        if !self.says("snap") {
            return Ok(());
        }
        Err(Refusal {
            id: id.clone(),
            cause: "certbot is here as a snap (/snap/bin/certbot), which renews all certificates by itself: the package certbot beside it would renew them too".into(),
            mend: "`snap remove certbot` first; what it keeps under /etc/letsencrypt stays, and is gone on with".into(),
        })
    }
}

/// Why an order is not placed now, and when it is: the same one has failed, and the authority counts failures.
fn waits(order: &Order, state: &State<'_>, cx: &Context<'_>) -> Option<String> {
    let at = state.all("waits=").next()?;
    let is_other = state.first("order.order=") != order.digest();
    if is_other || order.hooks.iter().any(|hook| cx.changed.contains(hook)) {
        return None;
    }
    Some(format!(
        "the last order failed {} ago: {}\nit is placed again from {at} on, or when its names or its challenge are \
         others, or at once when {} is removed from the host",
        state.first("ago="),
        state.first("order.why="),
        order.memory(),
    ))
}

/// The same for the order of the first certificate.
pub(super) fn first_waits(order: &Order, cx: &Context<'_>) -> Option<String> {
    let state = State::read(cx.facts.output(order.issued.id.as_str()));
    waits(order, &state, cx).filter(|_| !state.is_readable())
}

/// The change that gets the first certificate, or one in place of what nobody can read.
pub(super) fn first(order: &Order, cx: &Context<'_>) -> Result<Option<Change>, Refusal> {
    let state = State::read(cx.facts.output(order.issued.id.as_str()));
    state.refuse_snap(&order.issued.id)?;
    if state.is_readable() {
        return Ok(None);
    }
    let wanted = order.issued.domains.join(", ");
    let authority = match order.server.as_str() {
        LETS_ENCRYPT => "Let's Encrypt",
        STAGING => "Let's Encrypt's staging environment, whose certificates no browser trusts",
        other => other,
    };
    let change = Change::new(
        &order.issued.id,
        Verb::Create,
        format!("get a certificate for {wanted}"),
    );
    let change = change.note(format!("from {authority}, by certbot {}", order.challenge.way()));
    let change = take_away(change, order, cx);
    Ok(Some(order.placed(change, false, state.account())))
}

/// Takes away what is left under the certificate's name, next to which certbot would make another.
fn take_away(mut change: Change, order: &Order, cx: &Context<'_>) -> Change {
    for path in places(order) {
        if cx.facts.path(&path).is_some() {
            change = change
                .note(format!("{path} is taken away, and kept with the run"))
                .action(Action::Remove { path, secret: false });
        }
    }
    change
}

/// All that certbot keeps of a certificate.
fn places(order: &Order) -> [String; 3] {
    let name = &order.issued.name;
    [
        order.issued.directory.clone(),
        format!("/etc/letsencrypt/archive/{name}"),
        conf_path(name),
    ]
}

/// A certificate that is there is renewed as the playbook says.
#[derive(Debug)]
pub(super) struct Renewal {
    pub id: Id,
    pub order: Order,
    /// The sites that serve it.
    pub sites: Vec<Id>,
}

impl Renewal {
    /// What it must say.
    fn wanted<'a>(&'a self, state: &State<'a>) -> Wanted<'a> {
        Wanted {
            domains: &self.order.issued.domains,
            challenge: &self.order.challenge,
            accounts: state.all("account=").collect(),
        }
    }

    /// Whether another certificate is to be ordered.
    fn orders(&self, state: &State<'_>) -> bool {
        state.is_readable()
            && match (&state.conf, state.foreign()) {
                (Some(conf), None) => !self.due(state, conf).0.is_empty(),
                _ => true,
            }
    }

    /// Why there must be another certificate at once.
    fn due(&self, state: &State<'_>, conf: &Conf<'_>) -> (Vec<Detail>, bool) {
        let mut wanted: Vec<&str> = self.order.issued.domains.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        let (mut details, mut force) = (Vec::new(), false);
        if state.domains() != wanted {
            details.push(Detail::Field {
                name: "domains",
                from: state.domains().join(", "),
                to: wanted.join(", "),
            });
        }
        if state.says("expired") {
            details.push(Detail::Note("it has expired".into()));
        }
        let server = conf.get("server").unwrap_or(LETS_ENCRYPT);
        if server != self.order.server {
            force = true;
            details.push(Detail::Field {
                name: "server",
                from: server.to_owned(),
                to: self.order.server.clone(),
            });
        } else if state.all("account=").next().is_none() {
            // certbot makes an account only along with a certificate.
            force = true;
            details.push(Detail::Note("the account that it was got with is gone".into()));
        }
        (details, force)
    }

    /// Refuses what would spoil a renewal whatever certbot's file for the certificate says.
    fn refuse_what_is_before(&self, state: &State<'_>, cx: &Context<'_>) -> Result<(), Refusal> {
        let refusal = |cause: String, mend: String| Refusal {
            id: self.id.clone(),
            cause,
            mend,
        };
        let declared = |path: &str| {
            let ids = ["absent", "file"].map(|kind| Id::new(kind, path));
            cx.entries.iter().any(|entry| ids.contains(entry.resource.id()))
        };
        let answers = matches!(self.order.challenge, Challenge::Webroot(_));
        if let Some(hook) = state.all("hook=").find(|hook| answers && !declared(hook)) {
            return Err(refusal(
                format!("{hook} stops nginx before each renewal, and nginx answers the challenge"),
                format!("list {hook} under `absent`"),
            ));
        }
        let (challenge, server) = (&self.order.challenge, &self.order.server);
        let other = state.all("cli=").find(|line| overrides(line, challenge, server));
        match other.filter(|_| !declared(CLI)) {
            None => Ok(()),
            Some(line) => Err(refusal(
                format!(
                    "{CLI} says `{}` for all certificates, and certbot goes by that",
                    line.trim()
                ),
                format!("take the line away, or declare {CLI} under `files`"),
            )),
        }
    }

    /// Proves a renewal, at Let's Encrypt's staging server (with an account there) unless another authority is wanted.
    fn dry_run(&self, account: Option<&str>) -> String {
        let mut words = vec![
            "certbot",
            "renew",
            "--non-interactive",
            "--no-random-sleep-on-renew",
            "--dry-run",
            "--cert-name",
            &self.order.issued.name,
        ];
        if self.order.server != LETS_ENCRYPT {
            words.extend(["--server", &self.order.server]);
            words.extend(account.iter().flat_map(|account| ["--account", account]));
        }
        shell::words(words)
    }
}

impl Resource for Renewal {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let ids = self.sites.iter().chain([&self.order.issued.id]);
        ids.cloned().map(Ref::Id).collect()
    }

    /// The certificate stays; it is no longer renewed.
    fn remains(&self) -> Remains {
        let name = &self.order.issued.name;
        Remains {
            paths: [format!("/etc/letsencrypt/renewal/{name}.conf")].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.path(&format!(
            "/etc/letsencrypt/renewal/{}.conf",
            self.order.issued.name
        ));
        ask(&self.order, questions);
    }

    fn waits(&self, cx: &Context<'_>) -> Option<String> {
        let state = State::read(cx.facts.output(self.order.issued.id.as_str()));
        waits(&self.order, &state, cx).filter(|_| self.orders(&state))
    }

    fn remark(&self, cx: &Context<'_>) -> Option<String> {
        let state = State::read(cx.facts.output(self.order.issued.id.as_str()));
        let days = state.all("soon=").next()?;
        Some(format!(
            "the certificate ends in {days} days, and certbot has not renewed it: `journalctl -u certbot` on the host says why"
        ))
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let issued = &self.order.issued;
        let state = State::read(cx.facts.output(issued.id.as_str()));
        self.refuse_what_is_before(&state, cx)?;
        if !state.is_readable() {
            return Ok(Vec::new());
        }
        let change = |word: &str| {
            let summary = format!("{word} the certificate for {}", issued.domains.join(", "));
            Change::new(&self.id, Verb::Update, summary)
        };
        let (Some(conf), None) = (&state.conf, state.foreign()) else {
            let why = state.foreign().unwrap_or_default();
            let change = change("replace").note(format!("certbot cannot renew it: {why}"));
            // certbot runs the hook for a renewal, and takes this for the first.
            let change = take_away(change, &self.order, cx);
            let mut change = self.order.placed(change, false, state.account());
            if !self.sites.is_empty() {
                change = change.shell(HOOK);
            }
            return Ok(vec![change]);
        };
        let wanted = self.wanted(&state);
        let (mut details, force) = self.due(&state, conf);
        let is_due = !details.is_empty();
        details.extend(conf.differences(&wanted));
        if is_due {
            let mut change = change("renew");
            change.details.extend(details);
            return Ok(vec![self.order.placed(change, force, state.account())]);
        }
        if details.is_empty() {
            return Ok(Vec::new());
        }
        let path = conf_path(&issued.name);
        let fact = cx.facts.path(&path);
        let write = Action::Write {
            content: Content::new(conf.mended(&wanted).into_bytes(), false),
            mode: fact.map_or("0644", |fact| &fact.mode).to_owned(),
            owner: fact.map_or("root:root", |fact| &fact.owner).to_owned(),
            validate: None,
            like: None,
            path,
        };
        let mut change = change("change how certbot renews");
        change.details.extend(details);
        let change = change
            .note("proved by a dry run; the certificate itself stays")
            .action(write);
        Ok(vec![change.shell(self.dry_run(state.account()))])
    }
}
