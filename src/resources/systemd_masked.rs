//! Units that nothing can start: a link to `/dev/null` stands where systemd looks for their files first.

use super::systemd_made::{FOLDER, Known};
use super::systemd_service::{LIBRARY, lets_in};
use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::managed::standing;
use crate::shell;

/// What the link leads to.
pub(super) const NOTHING: &str = "/dev/null";

/// What is remembered of a unit that ran when it was masked.
const RAN: &str = "running";

fn setting(unit: &str) -> String {
    format!("masked {unit}")
}

/// Whether `unit` was masked by the playbook that no longer does it.
pub(super) fn was_masked(gone: &Remains, unit: &str) -> bool {
    gone.settings.contains_key(&setting(unit))
}

/// Starts again what ran before it was masked, unless the playbook says something else of it. The link itself goes as
/// all else does.
pub(super) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    for (name, before) in &gone.settings {
        let unit = name.strip_prefix("masked ").filter(|_| before == RAN);
        if let Some(unit) = unit.filter(|unit| !Known::declares(cx, unit)) {
            cx.push(Freed {
                id: Id::new("pruned", name),
                unit: unit.to_owned(),
                path: format!("{FOLDER}{unit}"),
            });
        }
    }
}

/// A unit that runs again.
#[derive(Debug)]
struct Freed {
    id: Id,
    unit: String,
    path: String,
}

impl Resource for Freed {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let ids = ["absent", "pruned"].map(|kind| Id::new(kind, &self.path));
        ids.map(Ref::Id).into()
    }

    fn ask(&self, questions: &mut Questions) {
        questions.unit(&self.unit);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        if cx.facts.unit(&self.unit).load != "masked" {
            return Ok(Vec::new());
        }
        let unit = shell::quote(&self.unit);
        let change = Change::new(&self.id, Verb::Run, format!("start {}", self.unit));
        let change = change.note("it ran before it was masked");
        Ok(vec![change.shell(format!(
            "{LIBRARY}systemctl daemon-reload\nup start {unit}"
        ))])
    }
}

#[derive(Debug)]
pub(super) struct Masked {
    pub id: Id,
    pub unit: String,
    /// Where the link stands.
    pub path: String,
}

impl Resource for Masked {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn remains(&self) -> Remains {
        Remains {
            paths: [self.path.clone()].into(),
            settings: [(setting(&self.unit), String::new())].into(),
            ..Remains::default()
        }
    }

    /// Whether it ran before.
    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = cx.facts.missing(self.remains());
        let name = setting(&self.unit);
        let fact = cx.facts.unit(&self.unit);
        let now = if fact.is_busy() { RAN } else { "stopped" };
        let known = cx.facts.made().settings.remove(&name);
        match known.or_else(|| (fact.load != "masked").then(|| now.to_owned())) {
            Some(before) => drop(remains.settings.insert(name, before)),
            None => remains.settings.clear(),
        }
        remains
    }

    fn ends(&self, unit: &str, _: &Context<'_>) -> bool {
        self.unit == unit
    }

    fn ask(&self, questions: &mut Questions) {
        questions.unit(&self.unit);
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let fact = cx.facts.unit(&self.unit);
        let there = cx.facts.path(&self.path);
        let is_there = there.is_some_and(|there| there.kind == 'l' && there.target == NOTHING);
        if is_there && fact.load == "masked" && !fact.is_busy() {
            return Ok(Vec::new());
        }
        standing::replaceable(cx, &self.id, &self.path)?;
        let unit = shell::quote(&self.unit);
        let words = if fact.is_busy() { "stop and mask" } else { "mask" };
        let mut change = Change::new(&self.id, Verb::Update, format!("{words} {}", self.unit));
        change = change.note("nothing can start it, neither by hand nor because it needs it");
        // While systemd knows how: without its file it would only be killed.
        let stop = format!(
            "{LIBRARY}remember {unit}\nif systemctl is-active --quiet -- {unit}; then systemctl stop -- {unit}; fi"
        );
        change = change.shell(stop).action(Action::Link {
            path: self.path.clone(),
            target: NOTHING.into(),
        });
        change.recover = Some(format!("{LIBRARY}back {unit}"));
        let change = change.shell("systemctl daemon-reload");
        Ok(vec![match lets_in(&self.unit) {
            true => change.if_access_stays(),
            false => change,
        }])
    }
}
