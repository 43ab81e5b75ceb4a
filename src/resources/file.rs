//! Files: literal, from a template or from this machine.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::managed::{ManagedFile, owner};
use crate::change::{Change, Content, Detail, Id};
use crate::desired::{Context, Ref, Refusal, Resource, parent};
use crate::facts::Questions;
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{Line, LocalPath, Mode, Name, Text, optional};

/// A file. Exactly one of `content`, `template` and `source` says what it holds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The text itself.
    #[serde(default, deserialize_with = "optional")]
    pub content: Option<Text>,
    /// A Handlebars template, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
    /// A file of this machine, relative to the playbook, sent as it is.
    #[serde(default, deserialize_with = "optional")]
    pub source: Option<LocalPath>,
    /// Values for the template beside the playbook's vars.
    #[serde(default, rename = "with")]
    pub values: IndexMap<Name, Text>,
    /// Owner; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub owner: Option<Name>,
    /// Group; the owner's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub group: Option<Name>,
    /// Permission bits; 0644 unless given, 0600 if the file holds a secret.
    #[serde(default, deserialize_with = "optional")]
    pub mode: Option<Mode>,
    /// A command that must succeed before the file is live; `{}` stands for the new file: `promtool check config {}`.
    /// Files that a daemon reads by itself (sshd, sudo …) are checked by the daemon unless given.
    #[serde(default, deserialize_with = "optional")]
    pub validate: Option<Line>,
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

/// Values of a `with:` mapping for a template.
pub(super) fn values(with: &IndexMap<Name, Text>) -> Map<String, Value> {
    with.iter()
        .map(|(name, text)| (name.0.clone(), text.0.clone().into()))
        .collect()
}

impl File {
    /// What it holds.
    pub(super) fn content(&self, cx: &Render<'_>) -> Result<Content, Problem> {
        match (&self.content, &self.template, &self.source) {
            (Some(text), None, None) => Ok(cx.content(text.0.clone().into_bytes())),
            (None, Some(template), None) => cx.template(&template.0, values(&self.values)),
            (None, None, Some(source)) => Ok(cx.content(cx.local_file(&source.0)?)),
            _ => Err(Problem::new(
                "a file's contents come from one place",
                "give exactly one of `content`, `template` and `source`",
            )),
        }
    }
}

impl Declaration for File {
    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let mut file = ManagedFile::new(path, self.content(cx)?);
        file.owner = owner(&self.owner, &self.group);
        if let Some(mode) = &self.mode {
            file.mode.clone_from(&mode.0);
        }
        if let Some(command) = &self.validate {
            if !command.0.contains("{}") {
                return Err(Problem::new(
                    "`validate` does not name the file it validates",
                    "write `{}` where the path of the new file belongs: `visudo -cf {}`",
                ));
            }
            cx.refuse_secret(&command.0)?;
            file.validate = Some(command.0.clone());
        }
        cx.push(Plain {
            id: Id::new("file", path),
            file,
        });
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

/// A resource that is one file and nothing else.
#[derive(Debug)]
pub(super) struct Plain {
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
