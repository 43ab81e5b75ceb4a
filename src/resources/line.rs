//! One line of a file that others own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::supervised;
use crate::change::Id;
use crate::edit::{Edit, Place};
use crate::language::scalar::{AbsPath, Flag, Line as OneLine, Regexp, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::edited::{Edited, announce};

/// A line of a file that others own. When the playbook no longer declares it, what stood in its place comes back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// The file.
    pub path: AbsPath,
    /// The line.
    #[serde(default, deserialize_with = "optional")]
    pub line: Option<OneLine>,
    /// Which line it takes the place of, the last that matches; it must match the new line, too: `^#?Port `.
    #[serde(default, deserialize_with = "optional")]
    pub regexp: Option<Regexp>,
    /// Whether it is there; true unless given. False takes out every line that is `line` or matches `regexp`.
    #[serde(default, deserialize_with = "optional")]
    pub present: Option<Flag>,
    /// Where it goes if no line matches: behind the last line that matches this; at the end unless given.
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
    pub validate: Option<OneLine>,
}

/// Where something new goes, as `insertafter` and `insertbefore` say.
pub(super) fn place(after: &Option<Regexp>, before: &Option<Regexp>) -> Result<Place, Problem> {
    match (after, before) {
        (None, None) => Ok(Place::End),
        (Some(after), None) if after.0 == "EOF" => Ok(Place::End),
        (Some(after), None) => Ok(Place::After(after.0.clone())),
        (None, Some(before)) if before.0 == "BOF" => Ok(Place::Start),
        (None, Some(before)) => Ok(Place::Before(before.0.clone())),
        (Some(_), Some(_)) => Err(Problem::new(
            "`insertafter` and `insertbefore` both say where it goes",
            "take one of the two away",
        )),
    }
}

/// A command that validates a file, which it must name.
pub(super) fn validation(command: &Option<OneLine>, cx: &Render<'_>) -> Result<Option<String>, Problem> {
    let Some(command) = command else { return Ok(None) };
    if !command.0.contains("{}") {
        return Err(Problem::new(
            "`validate` does not name the file it validates",
            "write `{}` where the path of the new file belongs: `visudo -cf {}`",
        ));
    }
    cx.refuse_secret(&command.0)?;
    Ok(Some(command.0.clone()))
}

/// Refuses a part of what supervisor reads: it takes a program from its whole file.
pub(super) fn is_whole(path: &str) -> Result<(), Problem> {
    match supervised::reads(path) {
        true => Err(Problem::new(
            format!("{path} is supervisor's, which is told of a program by its whole file"),
            "declare the program under `supervisor`, or the file under `files`",
        )),
        false => Ok(()),
    }
}

impl FileLine {
    fn edit(&self) -> Result<Edit, Problem> {
        let regexp = self.regexp.as_ref().map(|regexp| regexp.0.clone());
        let line = self.line.as_ref().map(|line| line.0.clone());
        if self.present.as_ref().is_some_and(|flag| !flag.0) {
            if line.is_none() && regexp.is_none() {
                return Err(Problem::new(
                    "nothing says which lines go",
                    "give `line`, `regexp` or both",
                ));
            }
            return Ok(Edit::NoLine { line, regexp });
        }
        let line =
            line.ok_or_else(|| Problem::new("`line` is missing", "write the line that shall stand there"))?;
        let matches =
            |pattern: &String| regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(&line));
        if regexp.as_ref().is_some_and(|pattern| !matches(pattern)) {
            return Err(Problem::new(
                "`regexp` does not match `line`, and so the next apply would not find it",
                "write a pattern that matches the old line and the new one: `^#?Port `",
            ));
        }
        let place = place(&self.insertafter, &self.insertbefore)?;
        Ok(Edit::Line { line, regexp, place })
    }
}

impl Declaration for FileLine {
    fn announce(&self, _: &str, cx: &mut Render<'_>) {
        if let Ok(edit) = self.edit() {
            announce(cx, &self.path.0, &edit);
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        is_whole(&self.path.0)?;
        let edited = Edited::new(cx, Id::new("line", name), &self.path.0, self.edit()?)?;
        let edited = Edited {
            create: self.create.as_ref().is_some_and(|flag| flag.0),
            validate: validation(&self.validate, cx)?,
            ..edited
        };
        cx.push(edited);
        Ok(())
    }
}
