//! A directory that stands where it should, whatever is in it.

use super::file::attributes;
use super::standing;
use crate::change::{Action, Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{PathFact, Questions, Remains};
use crate::path::parent;

/// A directory as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub id: Id,
    pub path: String,
    pub mode: String,
    pub owner: String,
}

impl Place {
    /// Makes it.
    pub fn make(&self) -> Action {
        Action::Directory {
            path: self.path.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        }
    }

    /// Adds to `change` what mending the one that is there looks like and does; says whether anything is to do.
    pub fn mend(&self, cx: &Context<'_>, fact: &PathFact, change: &mut Change) -> Result<bool, Refusal> {
        let refusal = |cause: String, mend: String| Refusal {
            id: self.id.clone(),
            cause,
            mend,
        };
        let path = &self.path;
        // A link to a directory is that directory.
        let Some(directory) = fact.directory() else {
            let what = standing::what(fact);
            return Err(refusal(
                format!("{path} is {what}, and a directory shall stand there"),
                "move it away, or list it under `absent` in a run before".into(),
            ));
        };
        let details = attributes(directory, &self.mode, &self.owner);
        if details.is_empty() {
            return Ok(false);
        }
        standing::changeable(cx, &self.id, path)?;
        if fact.kind == 'l' {
            let target = &fact.target;
            let user = |fact: &PathFact| fact.owner.split(':').next().unwrap_or_default().to_owned();
            // Else whoever made the link could have any directory of the host given to him.
            if user(fact) != "root" && user(fact) != user(directory) {
                let (his, theirs) = (user(fact), user(directory));
                return Err(refusal(
                    format!(
                        "{path} is a link to {target} that {his} made, and what it leads to is {theirs}'s"
                    ),
                    format!("see whether {target} is meant; name it in place of {path}, or remove the link"),
                ));
            }
            change.details.push(Detail::Note(format!(
                "{path} is a link: the directory that it leads to, {target}, is meant"
            )));
        }
        change.details.extend(details);
        change.actions.push(Action::Attributes {
            path: self.path.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        });
        Ok(true)
    }
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

    fn remains(&self) -> Remains {
        Remains {
            directories: [self.path.clone()].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let path = &self.path;
        let Some(fact) = cx.facts.path(path) else {
            standing::replaceable(cx, &self.id, path)?;
            let change = Change::new(&self.id, Verb::Create, format!("make directory {path}"));
            let change = change.note(format!("{} {}", self.mode, self.owner));
            return Ok(vec![change.action(self.make())]);
        };
        let mut change = Change::new(&self.id, Verb::Update, format!("set owner and mode of {path}"));
        Ok(match self.mend(cx, fact, &mut change)? {
            true => vec![change],
            false => Vec::new(),
        })
    }
}
