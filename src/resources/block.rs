//! A marked block in a file that others own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::line::{is_whole, place, validation};
use crate::change::Id;
use crate::edit::Edit;
use crate::language::scalar::{AbsPath, Flag, Line, Regexp, Text, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::edited::{Edited, announce};

/// A block of lines in a file that others own, between two lines that mark it. It is taken out when the playbook no
/// longer declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The file.
    pub path: AbsPath,
    /// The lines.
    pub block: Text,
    /// The lines that mark it, `{mark}` being `BEGIN` and `END`; `# {mark} hostwright PLAYBOOK NAME` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub marker: Option<Line>,
    /// Where a new block goes: behind the last line that matches this; at the end unless given.
    #[serde(default, deserialize_with = "optional")]
    pub insertafter: Option<Regexp>,
    /// The same before the last line that matches this, or `BOF`, the beginning.
    #[serde(default, deserialize_with = "optional")]
    pub insertbefore: Option<Regexp>,
    /// Whether a file that is not there is made (root's, 0644); false unless given.
    #[serde(default, deserialize_with = "optional")]
    pub create: Option<Flag>,
    /// A command that must succeed before the file is live; `{}` stands for the new file. Files that a daemon reads by
    /// itself (sshd, sudo …) are checked by the daemon unless given.
    #[serde(default, deserialize_with = "optional")]
    pub validate: Option<Line>,
}

impl Block {
    fn edit(&self, name: &str, playbook: &str) -> Result<Edit, Problem> {
        let marker = match &self.marker {
            Some(marker) => marker.0.clone(),
            None => format!("# {{mark}} hostwright {playbook} {name}"),
        };
        if !marker.contains("{mark}") {
            return Err(Problem::new(
                "`marker` says `BEGIN` and `END` nowhere",
                "write `{mark}` where they belong: `; {mark} own settings`",
            ));
        }
        let mark = |word| marker.replace("{mark}", word);
        let (begin, end) = (mark("BEGIN"), mark("END"));
        if self.block.0.lines().any(|line| line == begin || line == end) {
            return Err(Problem::new(
                "the block holds a line that marks it",
                "take that line out",
            ));
        }
        Ok(Edit::Block {
            begin,
            end,
            block: self.block.0.clone(),
            place: place(&self.insertafter, &self.insertbefore)?,
        })
    }
}

impl Declaration for Block {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        if let Ok(edit) = self.edit(name, &cx.document.name) {
            announce(cx, &self.path.0, &edit);
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let edit = self.edit(name, &cx.document.name)?;
        is_whole(&self.path.0)?;
        let edited = Edited::new(cx, Id::new("block", name), &self.path.0, edit)?;
        let edited = Edited {
            create: self.create.as_ref().is_some_and(|flag| flag.0),
            validate: validation(&self.validate, cx)?,
            ..edited
        };
        cx.push(edited);
        Ok(())
    }
}
