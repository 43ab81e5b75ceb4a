//! The firewall. SSH is allowed before it is switched on, a playbook that would shut out the connection
//! it is applied over is refused, and what may shut us out is undone unless a new connection gets in.

mod closed;
mod firewall;
mod kernel;
mod order;
mod rule;
mod state;
mod stored;
mod traffic;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::closed::close;
use self::firewall::Firewall;
use self::order::{Own, by_particularity};
use self::rule::Rule;
use self::state::Policy;
use crate::change::Id;
use crate::language::scalar::Line;
use crate::language::{Placed, Problem, Render, Section};

/// ufw: incoming traffic is denied but for what stands here. A rule is written as ufw is told it, behind its action:
/// `22/tcp`, `80,443/tcp from 203.0.113.7`, `OpenSSH`, `in on eth1`, `out 25/tcp`, `route in on eth0 out on eth1`; with
/// `comment TEXT` at its end it has a comment. Rules that others made stay, and a plan with changes names them; one of
/// them that would decide before a rule from here comes after it. Of the rules from here the more particular one comes
/// first, and what keeps out comes before what lets in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ufw {
    /// What is let in: `22/tcp`, `6000:6007/udp`, `22/tcp from 203.0.113.7`, `OpenSSH`.
    #[serde(default)]
    pub allow: Vec<Placed<Line>>,
    /// What is let in, but not more than five times in 30 seconds from one address.
    #[serde(default)]
    pub limit: Vec<Placed<Line>>,
    /// What is kept out without an answer: `from 203.0.113.0/24`, `out 25/tcp`.
    #[serde(default)]
    pub deny: Vec<Placed<Line>>,
    /// What is kept out and told so.
    #[serde(default)]
    pub reject: Vec<Placed<Line>>,
    /// Rules with their actions, in this order and before all others: `deny from 203.0.113.7`, `allow 80/tcp`.
    #[serde(default)]
    pub rules: Vec<Placed<Line>>,
    /// Rules that others made and that go, with their actions, as a plan names them: `allow 3306/tcp`.
    #[serde(default)]
    pub delete: Vec<Placed<Line>>,
    /// What becomes of traffic that no rule is about.
    #[serde(default)]
    pub default: Defaults,
}

/// What becomes of traffic that no rule is about: `allow`, `deny` or `reject`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// What comes in: `deny`, unless `reject` is given.
    #[serde(default)]
    pub incoming: Option<Policy>,
    /// What goes out; as it is unless given. With `deny` names are looked up and packages fetched by rules with `out`.
    #[serde(default)]
    pub outgoing: Option<Policy>,
    /// What passes through; as it is unless given.
    #[serde(default)]
    pub routed: Option<Policy>,
}

/// A rule behind its action, which stands behind `route` where there is that.
fn with_action(text: &str) -> Result<Own, String> {
    let (route, text) = match text.strip_prefix("route ") {
        Some(rest) => ("route ", rest),
        None => ("", text),
    };
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let action = ["allow", "deny", "reject", "limit"]
        .into_iter()
        .find(|known| *known == word);
    let action =
        action.ok_or_else(|| format!("`{text}` does not begin with `allow`, `deny`, `reject` or `limit`"))?;
    // As a plan shows a comment.
    let rest = match rest.rsplit_once(" (") {
        Some((rule, comment)) if comment.ends_with(')') => rule,
        _ => rest,
    };
    Ok((action, format!("{route}{rest}").parse()?))
}

impl Ufw {
    /// The rules of some lists, each once; those that are none are told.
    fn read(
        declared: &[(Option<&'static str>, &Vec<Placed<Line>>)],
        known: &mut Vec<Own>,
        cx: &mut Render<'_>,
    ) -> Vec<Own> {
        let mut rules = Vec::new();
        for (action, list) in declared {
            for placed in *list {
                let text = &placed.value.0;
                let rule = match action {
                    Some(action) => text.parse::<Rule>().map(|rule| (*action, rule)),
                    None => with_action(text),
                };
                let (action, rule) = match rule {
                    Ok(own) => own,
                    Err(message) => {
                        cx.wrong(Problem::Here { message, help: None }, placed);
                        continue;
                    }
                };
                let same = |(_, other): &Own| {
                    (&other.way, &other.traffic, &other.profiles)
                        == (&rule.way, &rule.traffic, &rule.profiles)
                };
                if known.iter().any(same) {
                    let message = format!("a rule for `{rule}` stands here already, and ufw keeps one");
                    let problem = Problem::new(message, "take one of the two away");
                    cx.wrong(problem, placed);
                    continue;
                }
                known.push((action, rule.clone()));
                rules.push((action, rule));
            }
        }
        rules
    }
}

impl Section for Ufw {
    fn render(&self, cx: &mut Render<'_>) {
        let mut known = Vec::new();
        let mut rules = Self::read(&[(None, &self.rules)], &mut known, cx);
        let lists = [
            (Some("deny"), &self.deny),
            (Some("reject"), &self.reject),
            (Some("allow"), &self.allow),
            (Some("limit"), &self.limit),
        ];
        rules.extend(by_particularity(Self::read(&lists, &mut known, cx)));
        let deleted = Self::read(&[(None, &self.delete)], &mut known, cx);
        let Defaults {
            incoming,
            outgoing,
            routed,
        } = self.default;
        if incoming == Some(Policy::Allow) {
            // It is known by its section alone.
            let none = Placed {
                value: (),
                line: self.allow.first().map_or(1, |placed| placed.line),
                column: 1,
            };
            let problem = Problem::new(
                "`incoming: allow` would let everything in",
                "leave the firewall out of the playbook, or write `deny` or `reject`",
            );
            return cx.wrong(problem, &none);
        }
        if !rules.is_empty() {
            cx.needs_unit("ufw.service", "ufw", "ufw.firewall");
            cx.push(Firewall {
                id: Id::new("ufw", "firewall"),
                rules,
                deleted,
                defaults: [incoming, outgoing, routed],
            });
        }
    }
}
