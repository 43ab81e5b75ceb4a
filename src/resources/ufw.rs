//! The firewall. SSH is allowed before it is switched on, a playbook that would shut out the connection
//! it is applied over is refused, and switching it on is undone unless a new connection gets in.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ufw_rule::Rule;
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::PlaybookError;
use crate::playbook::parse::Placed;
use crate::playbook::render::{Problem, Render, Section};
use crate::playbook::scalar::Line;
use crate::shell;

/// ufw: incoming traffic is denied but for what stands here. Rules that others made stay, and a plan with changes names them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ufw {
    /// What is let in: `22/tcp`, `6000:6007/udp`, `22/tcp from 203.0.113.7`.
    #[serde(default)]
    pub allow: Vec<Placed<Line>>,
    /// What is let in, but not more than six times in 30 seconds from one address.
    #[serde(default)]
    pub limit: Vec<Placed<Line>>,
}

impl Section for Ufw {
    fn render(&self, cx: &mut Render<'_>) -> Result<(), PlaybookError> {
        let mut rules = Vec::new();
        for (action, declared) in [("allow", &self.allow), ("limit", &self.limit)] {
            for placed in declared {
                let rule = placed
                    .value
                    .0
                    .parse::<Rule>()
                    .map_err(|message| cx.locate(Problem::Here { message, help: None }, placed))?;
                if rules.iter().any(|(_, known)| *known == rule) {
                    let message = format!("a rule for `{rule}` stands here already, and ufw keeps one");
                    let problem = Problem::new(message, "take one of the two away");
                    return Err(cx.locate(problem, placed));
                }
                rules.push((action, rule));
            }
        }
        if !rules.is_empty() {
            cx.needs_unit("ufw.service", "ufw", "ufw.firewall");
            cx.push(Firewall {
                id: Id::new("ufw", "firewall"),
                rules,
            });
        }
        Ok(())
    }
}

/// Reads ufw's own files, which also tell the truth while it is off, and whether the kernel has its chains.
const QUESTION: &str = r#"[ -f /etc/ufw/ufw.conf ] || exit 0
sed -n 's/^ENABLED=\(.*\)/enabled \1/p' /etc/ufw/ufw.conf
sed -n 's/^IPV6=\(.*\)/ipv6 \1/p; s/^DEFAULT_INPUT_POLICY=\(.*\)/policy \1/p' /etc/default/ufw | tr -d '"'
sed -n 's/^### tuple ### /v4 /p' /etc/ufw/user.rules
sed -n 's/^### tuple ### /v6 /p' /etc/ufw/user6.rules
iptables -S INPUT 2>/dev/null | grep -q ufw-before-input && echo live"#;

#[derive(Debug)]
struct Firewall {
    id: Id,
    rules: Vec<(&'static str, Rule)>,
}

#[derive(Debug, Default)]
struct State {
    enabled: bool,
    ipv6: bool,
    deny: bool,
    live: bool,
    v4: Vec<(String, Rule)>,
    v6: Vec<(String, Rule)>,
}

impl State {
    fn read(text: &str) -> Self {
        let has = |line: &str| text.lines().any(|known| known.eq_ignore_ascii_case(line));
        let rules = |family: &str| {
            let tuples = text
                .lines()
                .filter_map(|line| line.strip_prefix(family))
                .filter_map(Rule::from_tuple);
            tuples.collect()
        };
        Self {
            enabled: has("enabled yes"),
            ipv6: has("ipv6 yes"),
            deny: has("policy DROP") || has("policy REJECT"),
            live: has("live"),
            v4: rules("v4 "),
            v6: rules("v6 "),
        }
    }

    fn holds(&self, action: &str, rule: &Rule) -> bool {
        let within = |rules: &[(String, Rule)]| {
            rules
                .iter()
                .any(|(known, other)| known == action && other == rule)
        };
        match rule.from {
            Some(_) => within(&self.v4) || within(&self.v6),
            None => within(&self.v4) && (!self.ipv6 || within(&self.v6)),
        }
    }
}

impl Firewall {
    /// The rules on the host that the playbook does not name, each once.
    fn others(&self, state: &State) -> Vec<String> {
        let mut others: Vec<String> = Vec::new();
        for (action, rule) in state.v4.iter().chain(&state.v6) {
            let text = format!("{action} {rule}");
            let named = |(ours, other): &(&str, Rule)| ours == action && other == rule;
            if !self.rules.iter().any(named) && !others.contains(&text) {
                others.push(text);
            }
        }
        others
    }

    /// Refuses a firewall that would end the connection the plan is made over.
    fn refuse_lock_out(&self, cx: &Context<'_>, state: &State) -> Result<(), Refusal> {
        let refusal = |cause: String, mend: String| Refusal {
            id: self.id.clone(),
            cause,
            mend,
        };
        let connection: Vec<&str> = cx.facts.system.ssh_connection.split_whitespace().collect();
        let [client, _, _, port] = connection[..] else {
            return Err(refusal(
                "the host does not say which port this connection came in by (SSH_CONNECTION is empty)"
                    .into(),
                "let sudo keep it: `Defaults env_keep += \"SSH_CONNECTION\"`".into(),
            ));
        };
        // sshd writes the zone behind a link-local address.
        let address = client.split('%').next().unwrap_or(client);
        let (Ok(address), Ok(port)) = (address.parse::<IpAddr>(), port.parse::<u16>()) else {
            return Err(refusal(
                format!(
                    "the host's SSH_CONNECTION cannot be read: {}",
                    cx.facts.system.ssh_connection
                ),
                "connect to it by ssh as usual".into(),
            ));
        };
        let ours = self.rules.iter().any(|(_, rule)| rule.lets_in(address, port));
        let theirs = state.v4.iter().chain(&state.v6);
        let theirs = theirs.filter(|(action, _)| action == "allow" || action == "limit");
        if ours || theirs.into_iter().any(|(_, rule)| rule.lets_in(address, port)) {
            return Ok(());
        }
        Err(refusal(
            format!("it would shut out this connection: nothing lets {client} in at port {port}"),
            format!("add `{port}/tcp` (or `{port}/tcp from {client}`) to `ufw.allow`"),
        ))
    }
}

impl Resource for Firewall {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Package("ufw".into()), Ref::Id(Id::new("systemd", "ufw"))]
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("ufw.state", QUESTION);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let state = State::read(cx.facts.output("ufw.state"));
        self.refuse_lock_out(cx, &state)?;
        let mut changes = Vec::new();
        let missing: Vec<&(&str, Rule)> = self
            .rules
            .iter()
            .filter(|(action, rule)| !state.holds(action, rule))
            .collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing
                .iter()
                .map(|(action, rule)| format!("{action} {rule}"))
                .collect();
            let commands = missing
                .iter()
                .map(|(action, rule)| format!("ufw {}", shell::words(rule.command(action))));
            let commands: Vec<String> = commands.collect();
            changes.push(Change::new(&self.id, Verb::Create, names.join(", ")).shell(commands.join("\n")));
        }
        if !(state.enabled && state.live && state.deny) {
            let mut change = Change::new(
                &self.id,
                Verb::Update,
                "deny all other incoming traffic, firewall on",
            );
            if !state.enabled {
                change = change.detail(Detail::Field {
                    name: "firewall",
                    from: "off".into(),
                    to: "on".into(),
                });
            } else if !state.live {
                change = change.note("it is enabled, and the kernel does not have its rules");
            }
            if !state.deny && !cx.installs("ufw") {
                change = change.detail(Detail::Field {
                    name: "incoming",
                    from: "allow".into(),
                    to: "deny".into(),
                });
            }
            change = change
                .shell("ufw default deny incoming\nufw default allow outgoing\nufw --force enable")
                .if_access_stays();
            // What was on stays on: only a firewall that this step switched on is switched off again.
            let recover = match state.enabled && state.live {
                true => "ufw default allow incoming",
                false => "ufw --force disable",
            };
            change.recover = Some(recover.into());
            changes.push(change);
        }
        if let Some(change) = changes.last_mut() {
            let others = self.others(&state);
            let notes = others
                .iter()
                .map(|rule| Detail::Note(format!("stays, and is not in the playbook: {rule}")));
            change.details.extend(notes);
        }
        Ok(changes)
    }
}
