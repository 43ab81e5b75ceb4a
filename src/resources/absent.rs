//! Paths at which nothing may stand.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::AbsPath;
use crate::language::{Placed, Problem, Render, Section};
use crate::managed::announced::{What, stands};
use crate::managed::standing;

/// Paths that are taken away. What stood there is kept with the run that took it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Absent(Vec<Placed<AbsPath>>);

/// Directories without which there is no host.
pub(super) const NEVER: [&str; 16] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/proc", "/root", "/run", "/sbin", "/srv",
    "/sys", "/usr", "/var",
];

impl Section for Absent {
    fn announce(&self, cx: &mut Render<'_>) {
        for placed in &self.0 {
            stands(cx, &placed.value.0, What::Nothing);
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        for (index, placed) in self.0.iter().enumerate() {
            let path = &placed.value.0;
            if NEVER.contains(&path.as_str()) {
                let problem = Problem::new(format!("{path} cannot be taken away"), "name what is in it");
                cx.wrong(problem, placed);
                continue;
            }
            if self.0[..index]
                .iter()
                .any(|earlier| earlier.value == placed.value)
            {
                let problem = Problem::new(format!("{path} stands here twice"), "remove one of the two");
                cx.wrong(problem, placed);
                continue;
            }
            cx.push(Gone {
                id: Id::new("absent", path),
                path: path.clone(),
            });
        }
    }
}

#[derive(Debug)]
struct Gone {
    id: Id,
    path: String,
}

impl Resource for Gone {
    fn id(&self) -> &Id {
        &self.id
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Some(fact) = cx.facts.path(&self.path) else {
            return Ok(Vec::new());
        };
        let what = match fact.kind {
            'd' => "the directory",
            'l' => "the link",
            'f' => "the file",
            'p' => "the named pipe",
            's' => "the socket",
            _ => "the device",
        };
        standing::replaceable(cx, &self.id, &self.path)?;
        if let Some(mount) = cx.facts.mounted_below(&self.path).filter(|_| fact.kind == 'd') {
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("something is mounted at {mount}, below {}", self.path),
                mend: format!("`umount {mount}` first"),
            });
        }
        let mut change = Change::new(&self.id, Verb::Remove, format!("remove {what} {}", self.path));
        if let ('l', Some(_)) = (fact.kind, &fact.behind) {
            change = change.note(format!("what it leads to, {}, stays", fact.target));
        }
        Ok(vec![change.action(Action::Remove {
            path: self.path.clone(),
        })])
    }
}
