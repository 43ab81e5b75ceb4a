//! Files: literal, from a template or from this machine.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::change::{Content, Id};
use crate::language::scalar::{Line, LocalPath, Mode, Name, Text, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{self, What};
use crate::managed::file::{ManagedFile, owner};
use crate::managed::plain::Plain;

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
}

/// Values of a `with:` mapping for a template.
pub(super) fn values(with: &IndexMap<Name, Text>) -> Map<String, Value> {
    with.iter()
        .map(|(name, text)| (name.0.clone(), text.0.clone().into()))
        .collect()
}

impl File {
    fn content(&self, cx: &Render<'_>) -> Result<Content, Problem> {
        match (&self.content, &self.template, &self.source) {
            (Some(text), None, None) => Ok(cx.content(text.0.clone().into_bytes())),
            (None, Some(template), None) => cx.template(&template.0, values(&self.values)),
            (None, None, Some(source)) => cx.local_file(&source.0),
            _ => Err(Problem::new(
                "a file's contents come from one place",
                "give exactly one of `content`, `template` and `source`",
            )),
        }
    }
}

impl Declaration for File {
    fn announce(&self, path: &str, cx: &mut Render<'_>) {
        let content = self.content(cx).ok();
        announced::stands(cx, path, What::File(content));
    }

    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let content = match announced::content(cx, path) {
            Some(content) => content,
            None => self.content(cx)?,
        };
        let mut file = ManagedFile::new(path, content);
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
}
