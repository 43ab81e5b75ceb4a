//! Symbolic links.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Detail, Id, Verb, sha256};
use crate::daemons;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::Line;
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{What, stands};
use crate::managed::standing;
use crate::path::{parent, resolve};

/// A symbolic link.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it points to.
    pub to: Line,
}

impl Declaration for Link {
    fn announce(&self, path: &str, cx: &mut Render<'_>) {
        stands(cx, path, What::Link(resolve(path, &self.to.0)));
    }

    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        cx.push(Symlink {
            id: Id::new("link", path),
            path: path.to_owned(),
            target: self.to.0.clone(),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Symlink {
    id: Id,
    path: String,
    target: String,
}

impl Resource for Symlink {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let above = parent(&self.path).map(|parent| Ref::Path(parent.to_owned()));
        let packages = daemons::packages(&self.path).map(|package| Ref::Package(package.into()));
        above
            .into_iter()
            .chain([Ref::Path(resolve(&self.path, &self.target))])
            .chain(packages)
            .collect()
    }

    fn version(&self) -> Option<String> {
        Some(sha256(self.target.as_bytes()))
    }

    fn leads_to(&self) -> Vec<String> {
        vec![resolve(&self.path, &self.target)]
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn remains(&self) -> Remains {
        Remains {
            paths: [self.path.clone()].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
        questions.path(&resolve(&self.path, &self.target));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, path, target } = self;
        let mut change = Change::new(id, Verb::Create, format!("link {path} → {target}"));
        match cx.facts.path(path) {
            None => {}
            Some(fact) if fact.kind != 'l' => {
                return Err(Refusal {
                    id: id.clone(),
                    cause: format!("{path} is {}, and a link shall stand there", standing::what(fact)),
                    mend: "move it away, or list it under `absent` in a run before".into(),
                });
            }
            Some(fact) if standing::same_target(&fact.target, target) => return Ok(Vec::new()),
            Some(fact) => {
                change.verb = Verb::Update;
                change = change.detail(Detail::Field {
                    name: "target",
                    from: fact.target.clone(),
                    to: target.clone(),
                });
            }
        }
        standing::replaceable(cx, id, path)?;
        let end = resolve(path, target);
        if cx.facts.path(&end).is_none() && !cx.provided(&end) {
            change = change.note(format!("nothing stands at {end} yet, unless a package brings it"));
        }
        Ok(vec![change.action(Action::Link {
            path: path.clone(),
            target: target.clone(),
        })])
    }
}
