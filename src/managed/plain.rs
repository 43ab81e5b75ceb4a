//! A resource that is one file and nothing else.

use super::file::ManagedFile;
use crate::change::{Change, Detail, Id};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::path::parent;

/// The file, under its id.
#[derive(Debug)]
pub(crate) struct Plain {
    pub id: Id,
    pub file: ManagedFile,
}

impl Resource for Plain {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.file.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        self.file.needs()
    }

    fn version(&self) -> Option<String> {
        Some(self.file.content.sha256.clone())
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        (self.file.path == path).then_some(&*self.file.content.bytes)
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.file.path]
    }

    fn remains(&self) -> Remains {
        self.file.remains()
    }

    fn ask(&self, questions: &mut Questions) {
        self.file.ask(questions);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut changes = self.file.diff(cx, &self.id)?;
        if let (Some(change), Some(above)) = (changes.first_mut(), parent(&self.file.path))
            && cx.facts.path(above).is_none()
            && !cx.provided(above)
        {
            change.details.push(Detail::Note(format!(
                "{above} is made too, unless a package brings it"
            )));
        }
        Ok(changes)
    }
}
