//! Directories.

use schemars::JsonSchema;
use serde::Deserialize;

use super::managed::{attributes, owner};
use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource, parent};
use crate::facts::Questions;
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{Line, Mode, Name, optional};

/// A directory.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Owner; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub owner: Option<Name>,
    /// Group; the owner's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub group: Option<Name>,
    /// Permission bits; 0755 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub mode: Option<Mode>,
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

impl Declaration for Directory {
    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        cx.push(Place {
            id: Id::new("directory", path),
            path: path.to_owned(),
            mode: self.mode.as_ref().map_or("0755", |mode| &mode.0).to_owned(),
            owner: owner(&self.owner, &self.group),
        });
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

#[derive(Debug)]
struct Place {
    id: Id,
    path: String,
    mode: String,
    owner: String,
}

impl Resource for Place {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let (user, group) = self.owner.split_once(':').unwrap_or((&self.owner, ""));
        let mut needs = vec![Ref::User(user.into()), Ref::Group(group.into())];
        needs.extend(parent(&self.path).map(|parent| Ref::Path(parent.to_owned())));
        needs
    }

    fn ask(&self, questions: &mut Questions) {
        questions.path(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let (path, mode, owner) = (self.path.clone(), self.mode.clone(), self.owner.clone());
        let Some(fact) = cx.facts.path(&self.path) else {
            return Ok(vec![
                Change::new(&self.id, Verb::Create, format!("make directory {path}"))
                    .note(format!("{mode} {owner}"))
                    .action(Action::Directory { path, mode, owner }),
            ]);
        };
        if fact.kind != 'd' {
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("{path} is there and is not a directory"),
                mend: "move it away, or list it under `absent` in a run before".into(),
            });
        }
        let details = attributes(fact, &self.mode, &self.owner);
        if details.is_empty() {
            return Ok(Vec::new());
        }
        let mut change = Change::new(&self.id, Verb::Update, format!("set owner and mode of {path}"));
        change.details = details;
        Ok(vec![change.action(Action::Attributes { path, mode, owner })])
    }
}
