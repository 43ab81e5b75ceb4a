//! How a run goes: on a terminal one live line a step, elsewhere a plain line when a step ends.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::change::{Action, Change, counted};
use crate::secret::Secrets;
use crate::transaction::event::Event;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// How many lines of a failed step's output are shown unless all are asked for.
const TAIL: usize = 40;

/// A line of a step's output that begins so is shown even when the step is done.
const NOTE: &str = "note: ";

/// Less than this is on the host before a person could read of it.
const LARGE: u64 = 64 * 1024;

/// What is on its way to the host.
#[derive(Debug)]
struct Sending {
    since: Instant,
    total: u64,
    contents: u64,
}

/// Watches a run and tells how it goes.
#[derive(Debug)]
pub struct Progress {
    changes: Vec<Change>,
    secrets: Secrets,
    verbose: bool,
    quiet: bool,
    bar: Option<ProgressBar>,
    sending: Option<Sending>,
    started: u64,
    output: Vec<String>,
    done: usize,
    failed: Option<usize>,
    undone: usize,
    stuck: bool,
}

impl Progress {
    /// A watcher for a run of `changes`, who shows all, or only what failed. `terminal` says whether a person looks on.
    pub fn new(changes: &[Change], secrets: &Secrets, verbose: bool, quiet: bool, terminal: bool) -> Self {
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self {
            changes: changes.to_vec(),
            secrets: secrets.clone(),
            verbose,
            quiet,
            bar,
            sending: None,
            started: 0,
            output: Vec::new(),
            done: 0,
            failed: None,
            undone: 0,
            stuck: false,
        }
    }

    fn sending(&mut self, sent: u64, total: u64, contents: u64) {
        let sending = self.sending.get_or_insert_with(|| Sending {
            since: Instant::now(),
            total,
            contents,
        });
        (sending.total, sending.contents) = (total, contents);
        if let Some(bar) = &self.bar
            && total >= LARGE
        {
            bar.set_message(format!("Sending {} of {}", megabytes(sent), megabytes(total)));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// The run has begun, so the host has all.
    fn sent(&mut self) {
        let Some(sending) = self.sending.take().filter(|sending| sending.total >= LARGE) else {
            return;
        };
        let unpacked = match sending.contents > sending.total {
            true => format!(" ({} unpacked)", megabytes(sending.contents)),
            false => String::new(),
        };
        let line = format!(
            "{GREEN}✓{GREEN:#} Sent {}{unpacked} {DIM}{:.1} s{DIM:#}",
            megabytes(sending.total),
            sending.since.elapsed().as_secs_f64()
        );
        self.say(&line);
    }

    /// Takes what happens next.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Sending {
                sent,
                total,
                contents,
            } => self.sending(*sent, *total, *contents),
            Event::StepStarted { step, at } => {
                self.sent();
                self.started = *at;
                self.output.clear();
                if let Some(bar) = &self.bar {
                    bar.reset_elapsed();
                    bar.set_message(self.label(*step));
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            }
            Event::StepOutput { line } => {
                let line = self.secrets.redact(line);
                if self.verbose {
                    self.say(&format!("{DIM}    {line}{DIM:#}"));
                }
                self.output.push(line);
            }
            Event::StepDone { step, at } => {
                self.done += 1;
                let line = format!(
                    "{GREEN}✓{GREEN:#} {} {DIM}{}{DIM:#}",
                    self.label(*step),
                    self.elapsed(*at)
                );
                self.say(&line);
                // What a person should know although the step is done.
                let notes = self
                    .output
                    .iter()
                    .filter(|line| line.starts_with(NOTE) && !self.verbose);
                for note in notes {
                    self.say(&format!("    {note}"));
                }
            }
            Event::StepFailed { step, at } => {
                self.failed = Some(*step);
                self.say(&format!(
                    "{RED}✗{RED:#} {} {DIM}{}{DIM:#}",
                    self.label(*step),
                    self.elapsed(*at)
                ));
            }
            Event::StepUndone { step, .. } => {
                self.undone += 1;
                let how = self.changes.get(*step).map_or("", |change| undone(change).0);
                let line = format!("↶ {} {DIM}{how}{DIM:#}", self.label(*step));
                self.say(&line.replace("the failed one", "it"));
            }
            Event::StepStuck => self.stuck = true,
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
        if self.quiet {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::println!("{line}")),
            None => anstream::println!("{line}"),
        }
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
            let skipped = counted(skipped, "line");
            text += &format!("    {DIM}… {skipped} before; -v shows all{DIM:#}\n");
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
        let (undone, advice) = match self.changes.get(step) {
            Some(change) if !self.stuck => undone(change),
            _ => (
                "not all that the failed one did could be undone: what is left of it stands above",
                "Put that right by hand first, then apply again: the plan says what is left to do.",
            ),
        };
        let steps = match self.changes.len() {
            1 => "1 step was".to_owned(),
            count => format!("{count} steps were"),
        };
        text += &format!("{} of {steps} done; {undone}.\n", self.done);
        if self.undone > 0 {
            text += "Those that were done have been undone, too, as is said above.\n";
        }
        if !left.is_empty() {
            text += &format!("Not started: {}.\n", left.join(", "));
        }
        text += &format!("{advice}\n");
        text
    }
}

/// What became of a failed step that was undone as far as can be, and what to do then.
fn undone(change: &Change) -> (&'static str, &'static str) {
    let is_command = |action: &Action| matches!(action, Action::Shell(_) | Action::Delete { .. });
    let is_file = |action: &Action| {
        use Action::{Attributes, Directory, Link, Remove, Write};
        matches!(
            action,
            Write { .. } | Directory { .. } | Attributes { .. } | Link { .. } | Remove { .. }
        )
    };
    let again = "Mend the cause and apply again: it goes on from there.";
    let look = "Mend the cause and apply again: the plan says what is left of the step.";
    let files = change.actions.iter().any(is_file);
    match (files, change.actions.iter().any(is_command)) {
        (true, false) => ("the files of the failed one are as they were", again),
        (_, true) if change.recover.is_some() => ("the failed one was undone", again),
        (true, true) => (
            "the files of the failed one are as they were, what its commands did was not undone",
            look,
        ),
        (false, _) => ("what the failed one did until then was not undone", look),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Bytes as a person reads them.
#[allow(clippy::cast_precision_loss)]
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The line of a check that passed.
pub fn passed(name: &str, note: Option<&str>) -> String {
    let note = note.map_or(String::new(), |note| format!("; {note}"));
    format!("{GREEN}✓{GREEN:#} check {name}{note}")
}

/// What stands before something that is well, or is not.
pub fn mark(well: bool) -> String {
    match well {
        true => format!("{GREEN}✓{GREEN:#}"),
        false => format!("{RED}✗{RED:#}"),
    }
}

/// The line of a check that failed.
pub fn wrong(name: &str, why: &str) -> String {
    format!("{RED}✗{RED:#} check {name}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Content, Id, Verb};

    /// What is said of the changes when the first of them fails.
    fn said(changes: &[Change], stuck: bool) -> String {
        let secrets = Secrets::default();
        let mut progress = Progress::new(changes, &secrets, false, false, false);
        let mut events = vec![Event::StepOutput {
            line: "it is broken".into(),
        }];
        if stuck {
            events.push(Event::StepStuck);
        }
        events.push(Event::StepFailed { step: 0, at: 0 });
        for event in events {
            progress.observe(&event);
        }
        progress.failure()
    }

    #[test]
    fn what_is_said_of_a_failed_step_is_so() {
        let change = || Change::new(&Id::new("kind", "name"), Verb::Update, "change it");
        let write = || Action::Write {
            path: "/srv/x".into(),
            content: Content::new(&b"x"[..], false),
            mode: "0644".into(),
            owner: "root:root".into(),
            validate: None,
            like: None,
        };
        let recovered = || {
            let mut change = change().action(write()).shell("restart");
            change.recover = Some("restart".into());
            change
        };
        let again = "Mend the cause and apply again: it goes on from there.\n";
        let look = "Mend the cause and apply again: the plan says what is left of the step.\n";
        for (change, words, advice) in [
            (
                change().action(write()),
                "the files of the failed one are as they were",
                again,
            ),
            (
                change().action(write()).shell("run"),
                "the files of the failed one are as they were, what its commands did was not undone",
                look,
            ),
            (
                change().shell("run"),
                "what the failed one did until then was not undone",
                look,
            ),
            (recovered(), "the failed one was undone", again),
        ] {
            let text = said(&[change], false);
            let end = format!("    it is broken\n0 of 1 step was done; {words}.\n{advice}");
            assert!(text.ends_with(&end), "{text}");
        }
        let text = said(&[recovered(), change()], true);
        assert!(
            text.contains("0 of 2 steps were done; not all that the failed one did could be undone")
                && text.contains("Not started: kind.name.\nPut that right by hand first")
                && !text.contains("goes on from there"),
            "{text}"
        );
    }
}
