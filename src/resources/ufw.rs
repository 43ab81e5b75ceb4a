//! The firewall. SSH is allowed before it is switched on, a playbook that would shut out the connection
//! it is applied over is refused, and what may shut us out is undone unless a new connection gets in.

mod kernel;
mod order;
mod rule;
mod state;
mod stored;
mod traffic;

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use self::order::{Arranged, Own, Verdict, arrange, by_particularity, decides};
use self::rule::Rule;
use self::state::State;
use self::stored::Way;
use self::traffic::Traffic;
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::Line;
use crate::language::{Placed, Problem, Render, Section};
use crate::shell;

/// ufw: incoming traffic is denied but for what stands here. Rules that others made stay, and a plan with changes
/// names them; one of them that would decide before a rule from here comes after it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ufw {
    /// What is let in: `22/tcp`, `6000:6007/udp`, `22/tcp from 203.0.113.7`.
    #[serde(default)]
    pub allow: Vec<Placed<Line>>,
    /// What is let in, but not more than five times in 30 seconds from one address.
    #[serde(default)]
    pub limit: Vec<Placed<Line>>,
}

impl Section for Ufw {
    fn render(&self, cx: &mut Render<'_>) {
        let mut rules: Vec<Own> = Vec::new();
        for (action, declared) in [("allow", &self.allow), ("limit", &self.limit)] {
            for placed in declared {
                let rule = match placed.value.0.parse::<Rule>() {
                    Ok(rule) => rule,
                    Err(message) => {
                        cx.wrong(Problem::Here { message, help: None }, placed);
                        continue;
                    }
                };
                if rules.iter().any(|(_, known)| *known == rule) {
                    let message = format!("a rule for `{rule}` stands here already, and ufw keeps one");
                    let problem = Problem::new(message, "take one of the two away");
                    cx.wrong(problem, placed);
                    continue;
                }
                rules.push((action, rule));
            }
        }
        if !rules.is_empty() {
            cx.needs_unit("ufw.service", "ufw", "ufw.firewall");
            cx.push(Firewall {
                id: Id::new("ufw", "firewall"),
                rules: by_particularity(rules),
            });
        }
    }
}

/// Puts ufw's rules into another order, and that order into the kernel at one stroke.
const FIRST: &str = include_str!("ufw/first.sh");

/// Remembers the firewall as it is: ufw's files, and what the kernel has, which may be something else.
const KEEP: &str = include_str!("ufw/keep.sh");

/// Puts the kernel back, when the files are as they were. What iptables never had is not saved, but stopped.
const RECOVER: &str = include_str!("ufw/recover.sh");

#[derive(Debug)]
struct Firewall {
    id: Id,
    rules: Vec<Own>,
}

fn name((action, rule): &Own) -> String {
    format!("{action} {rule}")
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
            let ours = |stored: &&stored::Stored| {
                let same = |(_, rule): &Own| rule.traffic() == stored.traffic;
                stored.way == Way::In && stored.is_plain() && self.rules.iter().any(same)
            };
            let theirs = family.rules.iter().filter(|stored| !ours(stored));
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
    fn refuse_vain(&self, state: &State) -> Result<(), Refusal> {
        for own in &self.rules {
            let (_, rule) = own;
            if rule.from.is_some_and(|network| network.is_v6()) && !state.ipv6 {
                let cause = format!(
                    "`{}` is about IPv6, which ufw does not handle on this host",
                    name(own)
                );
                let mend = "say `IPV6=yes` in /etc/default/ufw there, or take the rule away";
                return Err(self.refusal(cause, mend));
            }
            for v6 in state.families().filter(|v6| rule.is_of(*v6)) {
                let line = decides(&state.family(v6).before, &rule.traffic());
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
            Verdict::Unnamed => (
                format!("nothing lets {client} in at port {port}"),
                format!("add `{port}/tcp` (or `{port}/tcp from {client}`) to `ufw.allow`"),
            ),
        };
        Err(self.refusal(cause(why), mend))
    }

    /// What the host does: the rules, their order, and the firewall as a whole.
    fn change(&self, cx: &Context<'_>, state: &State, arranged: &Arranged<'_>) -> Option<Change> {
        let on = state.enabled && state.denies();
        let live = state.enabled && state.is_live();
        if arranged.told.is_empty() && arranged.first.is_empty() && on && live {
            return None;
        }
        let mut summary: Vec<String> = arranged.told.iter().map(|(own, _)| name(own)).collect();
        let moved = arranged.first.iter().map(|(own, _)| name(own));
        let moved: Vec<String> = moved.filter(|name| !summary.contains(name)).collect();
        summary.extend(moved.into_iter().map(|name| format!("put {name} first")));
        summary.extend(match (on, live) {
            (false, _) => Some("deny all other incoming traffic, firewall on".to_owned()),
            (true, false) => Some("load the rules into the kernel".to_owned()),
            (true, true) => None,
        });
        let replaced = arranged
            .told
            .iter()
            .filter_map(|(own, there)| Some((own, (*there)?)));
        let replaced: Vec<String> = replaced
            .map(|(own, there)| format!("{there} becomes {}", name(own)))
            .collect();
        let adds = arranged.first.is_empty() && replaced.is_empty();
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
        if !state.denies() && !cx.installs("ufw") {
            change = change.detail(field("incoming", "allow", "deny"));
        }
        let order = arranged.first.iter().map(|(own, by)| match by {
            Some(by) => format!("{} goes before {by}, which would decide first", name(own)),
            None => format!("{} goes before the others", name(own)),
        });
        change
            .details
            .extend(replaced.into_iter().chain(order).map(Detail::Note));
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
        if !state.enabled && ["DROP", "REJECT"].contains(&state.outgoing.as_str()) {
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
                let keys = arranged.first.iter().filter(|((_, rule), _)| rule.is_of(v6));
                let keys: Vec<String> = keys.map(|((_, rule), _)| rule.stored(v6)).collect();
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
        if !state.denies() {
            lines.push("ufw default deny incoming".into());
        }
        if !state.enabled {
            lines.push("ufw --force enable".into());
        }
        lines.join("\n")
    }
}

/// Rules that no playbook names any more.
#[derive(Debug)]
struct Closed {
    id: Id,
    rules: Vec<Own>,
}

/// Whether ufw has a rule for the same.
fn is_there((_, rule): &Own, state: &State) -> bool {
    let same = |stored: &stored::Stored| {
        stored.way == Way::In && stored.is_plain() && stored.traffic == rule.traffic()
    };
    [false, true]
        .into_iter()
        .any(|v6| state.family(v6).rules.iter().any(same))
}

/// Takes away rules that a playbook let ufw have, each as [`Remains`] has it.
pub(super) fn close(rules: &BTreeSet<String>, cx: &mut Render<'_>) {
    let own = |text: &String| {
        let (action, rule) = text.split_once(' ')?;
        let action = ["allow", "limit"].into_iter().find(|known| *known == action)?;
        Some((action, rule.parse().ok()?))
    };
    let rules: Vec<Own> = rules.iter().filter_map(own).collect();
    if !rules.is_empty() {
        let id = Id::new("ufw", "closed");
        cx.push(Closed { id, rules });
    }
}

impl Resource for Closed {
    fn id(&self) -> &Id {
        &self.id
    }

    /// What takes their place comes first.
    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Id(Id::new("ufw", "firewall"))]
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("ufw.state", state::QUESTION);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let state = State::read(cx.facts.output("ufw.state"));
        let gone: Vec<&Own> = self.rules.iter().filter(|own| is_there(own, &state)).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = gone.iter().map(|own| name(own)).collect();
        let mut change = Change::new(&self.id, Verb::Remove, format!("take away {}", names.join(", ")));
        let told = gone
            .iter()
            .map(|(action, rule)| format!("ufw delete {}", shell::words(rule.command(action))));
        let reload = (state.enabled && !state.is_live()).then(|| "ufw reload".to_owned());
        let first = std::iter::once(KEEP.trim_end().to_owned()).chain(reload);
        let lines: Vec<String> = first.chain(told).collect();
        change = change.shell(lines.join("\n")).if_access_stays();
        change.recover = Some(RECOVER.into());
        Ok(vec![change])
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
        Remains {
            rules: self.rules.iter().map(name).collect(),
            ..Remains::default()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let state = State::read(cx.facts.output("ufw.state"));
        let mut remains = self.remains();
        let there: Vec<String> = self
            .rules
            .iter()
            .filter(|own| is_there(own, &state))
            .map(name)
            .collect();
        remains.rules.retain(|rule| !there.contains(rule));
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("ufw.state", state::QUESTION);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let state = State::read(cx.facts.output("ufw.state"));
        self.refuse_vain(&state)?;
        let arranged = arrange(&self.rules, &state);
        let Some(change) = self.change(cx, &state, &arranged) else {
            return Ok(Vec::new());
        };
        self.refuse_lock_out(cx, &state, &arranged)?;
        Ok(vec![change])
    }
}
