//! The escape hatch: a command that says itself when it is needed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::{AbsPath, Text, optional};
use crate::language::{Declaration, Problem, Render};
use crate::shell;

/// A command. `unless` or `creates` says when there is nothing to do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// sh, run as root.
    pub run: Text,
    /// sh that succeeds when there is nothing to do. It also runs for a plan, so it must change nothing.
    #[serde(default, deserialize_with = "optional")]
    pub unless: Option<Text>,
    /// A path: when it is there, there is nothing to do.
    #[serde(default, deserialize_with = "optional")]
    pub creates: Option<AbsPath>,
}

impl Declaration for Command {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.unless.is_none() && self.creates.is_none() {
            return Err(Problem::new(
                "nothing says when this command has no more to do",
                "add `creates: PATH` or `unless: COMMAND`, so that a second apply finds nothing to change",
            ));
        }
        for text in std::iter::once(&self.run).chain(&self.unless) {
            cx.refuse_secret(&text.0)?;
        }
        cx.push(Escape {
            id: Id::new("command", name),
            name: name.to_owned(),
            command: self.clone(),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Escape {
    id: Id,
    name: String,
    command: Command,
}

impl Resource for Escape {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.command
            .creates
            .iter()
            .map(|path| Ref::Path(path.0.clone()))
            .collect()
    }

    fn brings_more(&self) -> bool {
        true
    }

    fn ends(&self, _: &str, _: &Context<'_>) -> bool {
        true
    }

    fn ask(&self, questions: &mut Questions) {
        if let Some(path) = &self.command.creates {
            questions.path(&path.0);
        }
        if let Some(unless) = &self.command.unless {
            questions.script(
                self.id.as_str(),
                format!(
                    "if ( eval {} ) >/dev/null 2>&1; then echo done; fi",
                    shell::quote(&unless.0)
                ),
            );
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let created = self
            .command
            .creates
            .as_ref()
            .is_some_and(|path| cx.facts.path(&path.0).is_some());
        if created || cx.facts.output(self.id.as_str()) == "done" {
            return Ok(Vec::new());
        }
        let change = Change::new(&self.id, Verb::Run, format!("run {}", self.name));
        let change = self
            .command
            .run
            .0
            .trim_end()
            .lines()
            .fold(change, |change, line| change.note(line));
        // `eval`, so that a mistake in its syntax is this step's alone.
        Ok(vec![
            change.shell(format!("eval {}", shell::quote(&self.command.run.0))),
        ])
    }
}
