//! One of two instances of a program under supervisor: a program of its own there, `NAME-PORT`.

use super::instance::{Instance, State};
use super::supervised::{Supervised, UNIT, looking};
use super::supervisor_config;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::managed::file::ManagedFile;
use crate::shell;

/// What `rolling.sh` wants of supervisor.
const LIBRARY: &str = include_str!("rolling_supervisor.sh");

#[derive(Debug)]
pub(super) struct SupervisorInstance {
    pub supervised: Supervised,
    /// What the program was called when it had no instances; said of the first of them.
    pub alone: Option<String>,
}

impl Instance for SupervisorInstance {
    fn file(&self) -> &ManagedFile {
        &self.supervised.file
    }

    fn stamp(&self) -> String {
        self.supervised.id.to_string()
    }

    fn needs(&self) -> Vec<Ref> {
        self.supervised.needs()
    }

    fn reads(&self) -> &[String] {
        &self.supervised.reads
    }

    fn programs(&self, text: &str) -> Vec<String> {
        supervisor_config::read(text).programs
    }

    fn ask(&self, questions: &mut Questions) {
        self.supervised.ask(questions);
    }

    fn refuse(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        self.supervised.refuse_unseen(cx)?;
        self.supervised.refuse_unread(cx)
    }

    fn inputs(&self, cx: &Context<'_>) -> String {
        self.supervised.inputs(cx)
    }

    fn state(&self, cx: &Context<'_>) -> State {
        match self.supervised.wrong(cx) {
            None => State::Runs,
            Some((_, state)) if state.is_empty() => State::Unknown,
            Some((_, state)) => State::Down(state),
        }
    }

    fn runs_in(&self, unit: &str) -> bool {
        unit == UNIT
    }

    fn runs_alone(&self, cx: &Context<'_>) -> bool {
        let Some(alone) = &self.alone else { return false };
        let own = format!("{alone}:{alone}");
        let mut lines = cx.facts.output("supervisor.status").lines();
        lines.any(|line| line.split_whitespace().take(2).eq([own.as_str(), "RUNNING"]))
    }

    fn library(&self) -> String {
        format!("{}{LIBRARY}", looking())
    }

    fn meant_always(&self) -> String {
        self.supervised.meant_always()
    }

    fn meant(&self, cx: &Context<'_>) -> String {
        let own = self.supervised.meant(cx, &self.supervised.declared.processes);
        match &self.alone {
            None => own,
            Some(alone) => format!("{own}\ngroups=\"$groups\n\"{}", shell::quote(alone)),
        }
    }

    fn to_start(&self) -> u32 {
        self.supervised.startsecs + 20
    }
}
