//! How a run goes: on a terminal one live line a step, elsewhere a plain line when a step ends.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::change::{Action, Change};
use crate::secret::Secrets;
use crate::transaction::journal::Event;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// How many lines of a failed step's output are shown unless all are asked for.
const TAIL: usize = 40;

/// Watches a run and tells how it goes.
#[derive(Debug)]
pub struct Progress<'a> {
    changes: &'a [Change],
    secrets: &'a Secrets,
    verbose: bool,
    bar: Option<ProgressBar>,
    started: u64,
    output: Vec<String>,
    done: usize,
    failed: Option<usize>,
}

impl<'a> Progress<'a> {
    /// A watcher for a run of `changes`. `terminal` says whether a person looks on.
    pub fn new(changes: &'a [Change], secrets: &'a Secrets, verbose: bool, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self {
            changes,
            secrets,
            verbose,
            bar,
            started: 0,
            output: Vec::new(),
            done: 0,
            failed: None,
        }
    }

    /// Takes the next event of the run's journal.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Started { step, at } => {
                self.started = *at;
                self.output.clear();
                if let Some(bar) = &self.bar {
                    bar.reset_elapsed();
                    bar.set_message(self.label(*step));
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            }
            Event::Output(line) => {
                let line = self.secrets.redact(line);
                if self.verbose {
                    self.say(&format!("{DIM}    {line}{DIM:#}"));
                }
                self.output.push(line);
            }
            Event::Done { step, at } => {
                self.done += 1;
                let line = format!(
                    "{GREEN}✓{GREEN:#} {} {DIM}{}{DIM:#}",
                    self.label(*step),
                    self.elapsed(*at)
                );
                self.say(&line);
            }
            Event::Failed { step, at } => {
                self.failed = Some(*step);
                self.say(&format!(
                    "{RED}✗{RED:#} {} {DIM}{}{DIM:#}",
                    self.label(*step),
                    self.elapsed(*at)
                ));
            }
            Event::Confirm | Event::End(_) => {}
        }
    }

    fn label(&self, step: usize) -> String {
        let Some(change) = self.changes.get(step) else {
            return format!("step {}", step + 1);
        };
        let text = format!(
            "[{}/{}] {}  {}",
            step + 1,
            self.changes.len(),
            change.id,
            change.summary
        );
        self.secrets.redact(&text)
    }

    fn elapsed(&self, at: u64) -> String {
        let time = Duration::from_millis(at.saturating_sub(self.started));
        format!("{:.1} s", time.as_secs_f64())
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::println!("{line}")),
            None => anstream::println!("{line}"),
        }
    }

    /// The change whose step failed, if one did.
    pub fn failed_step(&self) -> Option<&'a Change> {
        self.failed.and_then(|step| self.changes.get(step))
    }

    /// What the failed step said, what was done before it and what was not started.
    pub fn failure(&self) -> String {
        let Some(step) = self.failed else {
            return String::new();
        };
        let mut text = format!("{RED}The step failed:{RED:#} {}\n", self.label(step));
        let skipped = if self.verbose {
            0
        } else {
            self.output.len().saturating_sub(TAIL)
        };
        if skipped > 0 {
            text += &format!("    {DIM}… {skipped} lines before; -v shows them{DIM:#}\n");
        }
        for line in &self.output[skipped..] {
            text += &format!("    {line}\n");
        }
        let left: Vec<&str> = self
            .changes
            .iter()
            .skip(step + 1)
            .map(|change| change.id.as_str())
            .collect();
        let done = format!("{} of {} steps were done", self.done, self.changes.len());
        let actions = self.changes.get(step).map_or(&[][..], |change| &change.actions);
        let commands = actions.iter().any(|action| matches!(action, Action::Shell(_)));
        let files = actions.iter().any(|action| {
            use Action::{Attributes, Directory, Link, Remove, Write};
            matches!(
                action,
                Write { .. } | Directory { .. } | Attributes { .. } | Link { .. } | Remove { .. }
            )
        });
        text += &match (files, commands) {
            (true, false) => format!("{done}; the files of the failed one were put back.\n"),
            (true, true) => format!(
                "{done}; the files of the failed one were put back, what its commands did was not undone.\n"
            ),
            (false, _) => format!("{done}; what the failed one did until then was not undone.\n"),
        };
        if !left.is_empty() {
            text += &format!("Not started: {}.\n", left.join(", "));
        }
        text += "Mend the cause and apply again: it goes on from there.\n";
        text
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The line of a check that passed.
pub fn passed(name: &str) -> String {
    format!("{GREEN}✓{GREEN:#} check {name}")
}

/// The line of a check that failed.
pub fn wrong(name: &str, why: &str) -> String {
    format!("{RED}✗{RED:#} check {name}: {why}")
}
