//! Events, plans, progress and errors as words for people.

use std::io::IsTerminal;

use miette::Diagnostic;

pub mod error;
pub mod plan;
mod progress;

use self::progress::Progress;
use crate::change::counted;
use crate::checks::answer::shortened;
use crate::operations::event::{Event, Part};
use crate::plan::Plan;
use crate::secret::Secrets;

/// A person who reads.
#[derive(Debug)]
pub struct Text {
    verbose: bool,
    quiet: bool,
    secrets: Secrets,
    progress: Option<Progress>,
}

impl Text {
    /// A person who wants to see all, or only what failed.
    pub fn new(verbose: bool, quiet: bool) -> Self {
        Self {
            verbose,
            quiet,
            secrets: Secrets::default(),
            progress: None,
        }
    }

    /// Shows what happened.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Playbook {
                warnings, secrets, ..
            } => {
                self.secrets = (*secrets).clone();
                for warning in *warnings {
                    self.warn(warning);
                }
            }
            Event::Valid {
                file,
                resources,
                checks,
            } => {
                if self.verbose {
                    resources.iter().for_each(|id| self.say(id));
                }
                let (resources, checks) = (counted(resources.len(), "resource"), counted(*checks, "check"));
                self.say(&format!("{file} is valid: {resources}, {checks}."));
            }
            Event::Doing { what } => self.say(what),
            Event::Booted { host, address } => self.say(&format!("Booted the host {host} at {address}\n")),
            Event::Waiting { host, run } => {
                self.say(&format!(
                    "The run {run} is still going on on {host}; waiting for its end."
                ));
            }
            Event::Plan(plan) => self.plan(plan),
            Event::Replanned(plan) => {
                self.say(&format!("\n{} has changed meanwhile.", plan.host));
                self.plan(plan);
            }
            Event::SecondPlan(plan) => {
                let text = plan::text(plan, &self.secrets, self.verbose);
                self.say(&format!("\nThe second plan:\n{text}"));
            }
            Event::Left(plan) => self.tell(&format!("\n{}", plan::text(plan, &self.secrets, self.verbose))),
            Event::Applying { changes, .. } => {
                self.say("");
                let terminal = std::io::stdout().is_terminal();
                let progress = Progress::new(changes, &self.secrets, self.verbose, self.quiet, terminal);
                self.progress = Some(progress);
            }
            Event::Run(event) => {
                if let Some(progress) = &mut self.progress {
                    progress.observe(event);
                }
            }
            Event::Applied { changes, seconds } => {
                self.progress = None;
                let changes = counted(*changes, "change");
                self.say(&format!(
                    "\nApplied {changes} in {seconds:.1} s; nothing is left to change."
                ));
            }
            Event::Check(outcome) => match &outcome.wrong {
                None => self.say(&progress::passed(&outcome.name)),
                Some(wrong) => {
                    let why = shortened(&self.secrets.redact(wrong));
                    self.tell(&format!("{}\n", progress::wrong(&outcome.name, &why)));
                }
            },
            Event::Checked { checks, seconds } => {
                let checks = counted(*checks, "check");
                self.say(&format!("{checks} passed in {seconds:.1} s."));
            }
            Event::Kept { host, enter } => {
                self.tell(&format!("\nThe host stays. Enter it:  {enter}\n"));
                self.tell(&format!("Remove it:  hostwright rehearse --remove {host}\n"));
            }
            Event::Rehearsed { playbook, parts } => {
                self.say(&format!(
                    "\nThe rehearsal of {playbook} went through.\n{}",
                    timings(parts)
                ));
            }
        }
    }

    /// Shows what a command failed with, under what the failed step said if one did.
    pub fn error(&mut self, error: &dyn Diagnostic) {
        if let Some(progress) = self.progress.take() {
            let failure = progress.failure();
            drop(progress);
            if !failure.is_empty() {
                self.tell(&format!("\n{failure}"));
            }
        }
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        anstream::eprint!("{}", self.secrets.redact(&error::text(error, colours)));
    }

    fn plan(&self, plan: &Plan) {
        let Plan {
            playbook,
            host,
            address,
            release,
            ..
        } = plan;
        self.say(&format!(
            "Plan of {playbook} for {host} ({address}, {release}):\n"
        ));
        self.say(plan::text(plan, &self.secrets, self.verbose).trim_end_matches('\n'));
    }

    /// What a person who wants only what failed is not told.
    fn say(&self, line: &str) {
        if !self.quiet {
            anstream::println!("{line}");
        }
    }

    fn tell(&self, text: &str) {
        anstream::print!("{text}");
    }

    fn warn(&self, warning: &str) {
        if !self.quiet {
            anstream::eprintln!("warning: {warning}");
        }
    }
}

fn timings(parts: &[Part]) -> String {
    let width = parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
    parts.iter().fold(String::new(), |text, Part { name, seconds }| {
        text + &format!("  {name:width$}  {seconds:>6.1} s\n")
    })
}
