//! The firewall as a host has it: what is wanted of its rules and of its kernel, and what is in the way.

use std::net::IpAddr;

use super::order::{Arranged, Own, Verdict, arrange, decides, is, keys, name};
use super::state::{self, KEEP, Policy, RECOVER, State, WAYS};
use super::stored::{self, Way};
use super::traffic::{self, Traffic};
use super::{closed, kernel};
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::shell;

/// Puts ufw's rules into another order, and that order into the kernel at one stroke.
const FIRST: &str = include_str!("first.sh");

#[derive(Debug)]
pub(super) struct Firewall {
    pub id: Id,
    pub rules: Vec<Own>,
    /// Rules of others that go.
    pub deleted: Vec<Own>,
    /// What becomes of what comes in, goes out and passes through, where the playbook says so.
    pub defaults: [Option<Policy>; 3],
}

impl Firewall {
    fn refusal(&self, cause: String, mend: impl Into<String>) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.into(),
        }
    }

    /// The rules on the host that the playbook does not name, each once.
    fn others(&self, state: &State) -> Vec<String> {
        let mut others: Vec<String> = Vec::new();
        for v6 in [false, true] {
            let family = state.family(v6);
            let ours = |stored: &&stored::Stored| self.rules.iter().any(|(_, rule)| is(stored, rule));
            let theirs = family.rules.iter().filter(|stored| !stored.goes && !ours(stored));
            let kernel = family.before.iter().filter(|line| line.chain == "INPUT");
            let kernel = kernel.map(|line| format!("{} (in the kernel, before ufw's rules)", line.text));
            let texts = theirs
                .map(ToString::to_string)
                .chain(family.unread.iter().cloned())
                .chain(kernel);
            for text in texts {
                if !others.contains(&text) {
                    others.push(text);
                }
            }
        }
        others
    }

    /// Refuses rules that would come to nothing, whatever ufw is told.
    fn refuse_vain(&self, cx: &Context<'_>, state: &State) -> Result<(), Refusal> {
        for own in &self.rules {
            let (action, rule) = own;
            let v6 = |network: Option<traffic::Network>| network.is_some_and(traffic::Network::is_v6);
            if (v6(rule.traffic.from) || v6(rule.traffic.to)) && !state.ipv6 {
                let cause = format!(
                    "`{}` is about IPv6, which ufw does not handle on this host",
                    name(own)
                );
                let mend = "say `IPV6=yes` in /etc/default/ufw there, or take the rule away";
                return Err(self.refusal(cause, mend));
            }
            let traffics = rule.traffics(&state.profiles);
            if traffics.is_empty() && !cx.more && !cx.installs("ufw") {
                let cause = format!("`{}`: the host has no profile of that name", name(own));
                let mend =
                    "`ufw app list` there names them; the package of the application brings its profile";
                return Err(self.refusal(cause, mend));
            }
            if rule.way != Way::In || !["allow", "limit"].contains(action) {
                continue;
            }
            for v6 in state.families().filter(|v6| rule.is_of(*v6)) {
                let before = &state.family(v6).before;
                let line = traffics.iter().find_map(|traffic| decides(before, traffic));
                if let Some(line) = line.filter(|line| line.lets_in() == Some(false)) {
                    let cause = format!(
                        "`{}` would let nothing in: `{}` decides before ufw's rules do",
                        name(own),
                        line.text
                    );
                    return Err(self.refusal(cause, whence(line)));
                }
            }
        }
        Ok(())
    }

    /// Refuses a firewall that would end the connection the plan is made over.
    fn refuse_lock_out(
        &self,
        cx: &Context<'_>,
        state: &State,
        arranged: &Arranged<'_>,
    ) -> Result<(), Refusal> {
        let connection: Vec<&str> = cx.facts.system.ssh_connection.split_whitespace().collect();
        let [client, _, server, port] = connection[..] else {
            return Err(self.refusal(
                "the host does not say which port this connection came in by (SSH_CONNECTION is empty)"
                    .into(),
                "let sudo keep it: `Defaults env_keep += \"SSH_CONNECTION\"`",
            ));
        };
        // sshd writes the zone behind a link-local address.
        let address = |text: &str| text.split('%').next().unwrap_or(text).parse::<IpAddr>();
        let (Ok(from), Ok(to), Ok(number)) = (address(client), address(server), port.parse::<u16>()) else {
            return Err(self.refusal(
                format!(
                    "the host's SSH_CONNECTION cannot be read: {}",
                    cx.facts.system.ssh_connection
                ),
                "connect to it by ssh as usual",
            ));
        };
        let us = Traffic {
            protocol: "tcp".into(),
            ports: vec![(number, number)],
            from: Some(from.into()),
            to: Some(to.into()),
            interface: state.interface.clone(),
            ..Traffic::default()
        };
        let cause = |why: String| format!("it would shut out this connection: {why}");
        if from.is_ipv6() && !state.ipv6 {
            let why = cause(format!(
                "ufw lets no IPv6 in on this host, and {client} comes by it"
            ));
            return Err(self.refusal(
                why,
                "say `IPV6=yes` in /etc/default/ufw there, or connect by IPv4",
            ));
        }
        let (why, mend) = match arranged.verdict(&us, from.is_ipv6(), state) {
            Verdict::LetIn => return Ok(()),
            Verdict::KeptOutBefore(line) => (
                format!("`{}` keeps {client} out at port {port}", line.text),
                whence(line),
            ),
            Verdict::KeptOutBy(rule) => (
                format!("`{rule}` keeps {client} out at port {port}"),
                format!(
                    "add `{port}/tcp` (or `{port}/tcp from {client}`) to `ufw.allow`: it goes before that rule"
                ),
            ),
            Verdict::KeptOutByOurs(own) => (
                format!("`{}` keeps {client} out at port {port}", name(&self.rules[own])),
                format!("write `allow {port}/tcp from {client}` under `ufw.rules`: it goes before that rule"),
            ),
            Verdict::Unnamed => (
                format!("nothing lets {client} in at port {port}"),
                format!("add `{port}/tcp` (or `{port}/tcp from {client}`) to `ufw.allow`"),
            ),
        };
        Err(self.refusal(cause(why), mend))
    }

    /// What the host does: the rules, their order, and the firewall as a whole.
    fn change(&self, cx: &Context<'_>, state: &State, arranged: &Arranged<'_>) -> Option<Change> {
        let defaults = self.defaults(state);
        let on = state.enabled && defaults.is_empty();
        let live = state.enabled && state.is_live();
        let gone = self.gone(state);
        if arranged.told.is_empty() && arranged.first.is_empty() && gone.is_empty() && on && live {
            return None;
        }
        let mut summary: Vec<String> = arranged.told.iter().map(|(own, _)| name(own)).collect();
        let moved = arranged.first.iter().map(|(own, _)| name(own));
        let moved: Vec<String> = moved.filter(|name| !summary.contains(name)).collect();
        summary.extend(moved.into_iter().map(|name| format!("put {name} first")));
        summary.extend(gone.iter().map(|own| format!("delete {}", name(own))));
        let denies = defaults.iter().any(|(way, ..)| *way == "incoming") || !state.enabled;
        summary.extend(match (denies, live) {
            (true, _) => Some("deny all other incoming traffic, firewall on".to_owned()),
            (false, false) => Some("load the rules into the kernel".to_owned()),
            (false, true) => None,
        });
        let more = defaults.iter().filter(|(way, ..)| *way != "incoming");
        summary.extend(more.map(|(way, policy, _)| format!("{} other {way} traffic", policy.word())));
        let there = arranged
            .told
            .iter()
            .filter_map(|(own, there)| Some((own, (*there)?)));
        let (replaced, kept): (Vec<_>, Vec<_>) =
            there.partition(|((action, _), there)| there.action != *action);
        let replaced: Vec<String> = replaced
            .into_iter()
            .map(|(own, there)| format!("{there} becomes {}", name(own)))
            .collect();
        let said = kept
            .into_iter()
            .map(|((_, rule), there)| match rule.comment == there.comment {
                true => format!("{there} is written to the log"),
                false => format!("{there} gets the comment: {}", rule.comment),
            });
        let said: Vec<String> = said.collect();
        let opens = arranged
            .told
            .iter()
            .all(|((action, _), _)| ["allow", "limit"].contains(action));
        let adds = arranged.first.is_empty() && replaced.is_empty() && opens && gone.is_empty();
        let verb = match adds && (on && live || cx.installs("ufw")) {
            true => Verb::Create,
            false => Verb::Update,
        };
        let mut change = Change::new(&self.id, verb, summary.join(", "));
        let field = |name, from: &str, to: &str| Detail::Field {
            name,
            from: from.into(),
            to: to.into(),
        };
        if !state.enabled {
            change = change.detail(field("firewall", "off", "on"));
        }
        for (way, policy, now) in &defaults {
            if !cx.installs("ufw") {
                change = change.detail(field(way, now, policy.word()));
            }
        }
        if defaults
            .iter()
            .any(|(way, policy, _)| *way == "outgoing" && *policy != Policy::Allow)
        {
            change = change
                .note("what the host asks of others (names, packages, mail) then needs rules with `out`");
        }
        let order = arranged.first.iter().map(|(own, by)| match by {
            Some(by) => format!("{} goes before {by}, which would decide first", name(own)),
            None => format!("{} goes before the others", name(own)),
        });
        change
            .details
            .extend(replaced.into_iter().chain(said).chain(order).map(Detail::Note));
        if state.enabled && !live {
            change = change.note("the kernel does not have the firewall as ufw keeps it; it is loaded again");
            let (gone, brought) = state.differences();
            for (word, lines) in [("goes", gone), ("comes", brought)] {
                let notes = lines
                    .iter()
                    .map(|line| Detail::Note(format!("{word}: {}", line.text)));
                change.details.extend(notes);
            }
        }
        if !state.enabled
            && self.defaults[1].is_none()
            && ["DROP", "REJECT"].contains(&state.outgoing.as_str())
        {
            change = change.note("outgoing traffic is denied there but for rules, and stays so");
        }
        let others = self.others(state);
        let notes = others
            .iter()
            .map(|rule| format!("stays, and is not in the playbook: {rule}"));
        change.details.extend(notes.map(Detail::Note));
        change = change.shell(self.program(state, arranged, live));
        if !(adds && on && live) {
            change = change.if_access_stays();
        }
        change.recover = Some(RECOVER.into());
        Some(change)
    }

    /// What becomes of traffic that no rule is about, where that is otherwise: which, what, and as it is.
    fn defaults(&self, state: &State) -> Vec<(&'static str, Policy, &'static str)> {
        let now = [&state.incoming, &state.outgoing, &state.routed];
        let wanted = self.defaults.into_iter().zip(WAYS).zip(now);
        let differs = |((policy, way), now): ((Option<Policy>, &'static str), &String)| {
            let is = Policy::of(now);
            // Whatever keeps out is as good where the playbook does not say which.
            let kept_out = way == "incoming" && !state.denies();
            let policy = policy.or(kept_out.then_some(Policy::Deny))?;
            (is != Some(policy)).then(|| (way, policy, is.map_or("not set", Policy::word)))
        };
        wanted.filter_map(differs).collect()
    }

    /// The rules of others that are there and go.
    fn gone(&self, state: &State) -> Vec<&Own> {
        let there = |(action, rule): &&Own| {
            let mut all = [false, true].into_iter().flat_map(|v6| &state.family(v6).rules);
            all.any(|stored| stored.action == *action && is(stored, rule))
        };
        self.deleted.iter().filter(there).collect()
    }

    fn program(&self, state: &State, arranged: &Arranged<'_>, live: bool) -> String {
        let mut lines = vec![KEEP.trim_end().to_owned()];
        // Where the kernel lacks ufw's chains ufw can put no rule into them.
        let reloads = state.enabled && !live;
        if reloads {
            lines.push("ufw reload".into());
        }
        let told = arranged.told.iter();
        lines.extend(told.map(|((action, rule), _)| format!("ufw {}", shell::words(rule.command(action)))));
        if !arranged.first.is_empty() {
            lines.push(FIRST.trim_end().into());
            for v6 in state.families() {
                let first = arranged.first.iter().filter(|((_, rule), _)| rule.is_of(v6));
                let keys: Vec<String> = first.flat_map(|((_, rule), _)| keys(rule, state, v6)).collect();
                if keys.is_empty() {
                    continue;
                }
                let (file, restore) = match v6 {
                    false => ("/etc/ufw/user.rules", "iptables-restore"),
                    true => ("/etc/ufw/user6.rules", "ip6tables-restore"),
                };
                let words = [file.to_owned()].into_iter().chain(keys);
                lines.push(format!("first {}", shell::words(words)));
                if live || reloads {
                    lines.push(format!("{restore} -n <{file}"));
                }
            }
        }
        let gone = self.gone(state).into_iter();
        lines.extend(gone.map(|(action, rule)| format!("ufw {}", shell::words(rule.removal(action)))));
        let defaults = self.defaults(state).into_iter();
        lines.extend(defaults.map(|(way, policy, _)| format!("ufw default {} {way}", policy.word())));
        if !state.enabled {
            lines.push("ufw --force enable".into());
        }
        lines.join("\n")
    }
}

/// Where to take away a line that decides before ufw's rules.
fn whence(line: &kernel::Line) -> String {
    match line.chain.as_str() {
        "INPUT" => format!(
            "take it out of the host's kernel: `iptables -D{}`",
            line.text.trim_start_matches("-A")
        ),
        _ => "take it out of /etc/ufw/before.rules (or before6.rules) on the host".into(),
    }
}

impl Resource for Firewall {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Package("ufw".into()), Ref::Id(Id::new("systemd", "ufw"))]
    }

    fn remains(&self) -> Remains {
        let said = self
            .defaults
            .iter()
            .zip(WAYS)
            .filter(|(policy, _)| policy.is_some());
        Remains {
            rules: self.rules.iter().map(name).collect(),
            settings: said
                .map(|(_, way)| (format!("ufw {way}"), String::new()))
                .collect(),
            ..Remains::default()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let state = State::read(cx.facts.output("ufw.state"));
        let mut remains = self.remains();
        let there = self.rules.iter().filter(|own| closed::is_there(own, &state));
        let there: Vec<String> = there.map(name).collect();
        remains.rules.retain(|rule| !there.contains(rule));
        let known = cx.facts.made().settings;
        let differs = self.defaults(&state);
        remains.settings.retain(|name, before| {
            let now = differs
                .iter()
                .find(|(way, ..)| name.strip_prefix("ufw ") == Some(way));
            let known = known.get(name).cloned();
            match known.or_else(|| now.map(|(.., now)| (*now).to_owned())) {
                Some(value) => {
                    *before = value;
                    true
                }
                None => false,
            }
        });
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("ufw.state", state::QUESTION);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut state = State::read(cx.facts.output("ufw.state"));
        let goes = |stored: &stored::Stored| {
            self.deleted
                .iter()
                .any(|(action, rule)| stored.action == *action && is(stored, rule))
        };
        for family in [&mut state.v4, &mut state.v6] {
            for stored in &mut family.rules {
                stored.goes = goes(stored);
            }
        }
        self.refuse_vain(cx, &state)?;
        let arranged = arrange(&self.rules, &state);
        let Some(change) = self.change(cx, &state, &arranged) else {
            return Ok(Vec::new());
        };
        self.refuse_lock_out(cx, &state, &arranged)?;
        Ok(vec![change])
    }
}
