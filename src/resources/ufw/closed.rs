//! Rules and defaults that no playbook names any more.

use super::order::{Own, is, name};
use super::state::{self, KEEP, Policy, RECOVER, State};
use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::shell;

#[derive(Debug)]
struct Closed {
    id: Id,
    rules: Vec<Own>,
    /// Which traffic, and what becomes of it again.
    defaults: Vec<(String, Policy)>,
}

/// Whether ufw has a rule for the same.
pub(super) fn is_there((_, rule): &Own, state: &State) -> bool {
    let mut families = [false, true].into_iter();
    families.any(|v6| state.family(v6).rules.iter().any(|stored| is(stored, rule)))
}

/// Takes away rules that a playbook let ufw have, each as [`Remains`] has it, and puts back what it denied.
pub(in crate::resources) fn close(gone: &Remains, cx: &mut Render<'_>) {
    let own = |text: &String| {
        let (action, rule) = text.split_once(' ')?;
        let action = ["allow", "limit", "deny", "reject"]
            .into_iter()
            .find(|known| *known == action)?;
        Some((action, rule.parse().ok()?))
    };
    let rules: Vec<Own> = gone.rules.iter().filter_map(own).collect();
    let default = |(name, before): (&String, &String)| {
        let way = name.strip_prefix("ufw ")?;
        Some((way.to_owned(), Policy::of(before)?))
    };
    let defaults: Vec<(String, Policy)> = gone.settings.iter().filter_map(default).collect();
    if !rules.is_empty() || !defaults.is_empty() {
        let id = Id::new("ufw", "closed");
        cx.push(Closed { id, rules, defaults });
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
        // A host without ufw has nothing of it.
        let differs =
            |(way, policy): &&(String, Policy)| state.default(way).is_some_and(|now| now != *policy);
        let back: Vec<&(String, Policy)> = self.defaults.iter().filter(differs).collect();
        if gone.is_empty() && back.is_empty() {
            return Ok(Vec::new());
        }
        let mut words = Vec::new();
        if !gone.is_empty() {
            let names: Vec<String> = gone.iter().map(|own| name(own)).collect();
            words.push(format!("take away {}", names.join(", ")));
        }
        words.extend(
            back.iter()
                .map(|(way, policy)| format!("{} other {way} traffic again", policy.word())),
        );
        let mut change = Change::new(&self.id, Verb::Remove, words.join(", "));
        let told = gone
            .iter()
            .map(|(action, rule)| format!("ufw {}", shell::words(rule.removal(action))));
        let defaults = back
            .iter()
            .map(|(way, policy)| format!("ufw default {} {way}", policy.word()));
        // Where the kernel lacks ufw's chains ufw can take no rule out of them.
        let reload = (state.enabled && !state.is_live()).then(|| "ufw reload".to_owned());
        let lines: Vec<String> = std::iter::once(KEEP.trim_end().to_owned())
            .chain(reload)
            .chain(told)
            .chain(defaults)
            .collect();
        change = change.shell(lines.join("\n")).if_access_stays();
        change.recover = Some(RECOVER.into());
        Ok(vec![change])
    }
}
