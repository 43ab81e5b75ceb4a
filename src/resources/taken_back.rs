//! What a playbook made of a file of others and no longer declares is taken back.

use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Refusal, Resource};
use crate::edit::{Edit, Made};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::managed::edited::Edited;

/// Adds what takes it back.
pub(super) fn render(gone: &Remains, cx: &mut Render<'_>) {
    for (key, made) in &gone.edits {
        let edit = Edit::Back {
            of: Box::new(made.edit.clone()),
            was: made.was.clone(),
        };
        let edited = Edited::taking_back(Id::new("pruned", key), &made.path, edit);
        cx.push(TakenBack {
            edited,
            made: made.clone(),
        });
    }
}

#[derive(Debug)]
struct TakenBack {
    edited: Edited,
    made: Made,
}

impl Resource for TakenBack {
    fn id(&self) -> &Id {
        &self.edited.id
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.made.path]
    }

    fn edits(&self) -> Option<(&str, &Edit)> {
        self.edited.edits()
    }

    fn ask(&self, questions: &mut Questions) {
        questions.text(&self.made.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = self.edited.diff(cx)?;
        let path = &self.made.path;
        let whole = |action: &Action| matches!(action, Action::Write { content, .. } if content.size == 0);
        for change in &mut change {
            // The file was made for it.
            if self.made.created && change.actions.iter().any(whole) {
                change.actions.retain(|action| !whole(action));
                change.verb = Verb::Remove;
                change.actions.push(Action::Remove {
                    path: path.clone(),
                    secret: false,
                });
            }
        }
        Ok(change)
    }
}
