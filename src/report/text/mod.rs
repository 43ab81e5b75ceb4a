//! Events, plans, progress and errors as words for people.

use std::io::IsTerminal;

use miette::Diagnostic;

mod backups;
mod doctor;
pub mod error;
mod history;
mod machines;
pub mod plan;
mod progress;
mod status;
mod table;
mod upgrades;

use self::progress::Progress;
use crate::change::counted;
use crate::checks::answer::{Outcome, shortened};
use crate::operations::event::{Event, Part};
use crate::operations::provision::Event as MachineEvent;
use crate::plan::Plan;
use crate::secret::Secrets;

/// A person who reads.
#[derive(Debug)]
pub struct Text {
    verbose: bool,
    quiet: bool,
    secrets: Secrets,
    progress: Option<Progress>,
    /// How wide the names of the logs are that are told apart.
    sources: Option<usize>,
}

impl Text {
    /// A person who wants to see all, or only what failed.
    pub fn new(verbose: bool, quiet: bool) -> Self {
        Self {
            verbose,
            quiet,
            secrets: Secrets::default(),
            progress: None,
            sources: None,
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
            Event::Expanded { text } => self.say(text.trim_end()),
            Event::Doing { what } => self.say(what),
            Event::Booted { host, address } => self.say(&format!("Booted the host {host} at {address}\n")),
            Event::Waiting { host, run, doing } => {
                let doing = doing.map_or(String::new(), history::doing);
                self.say(&format!(
                    "The run {run} is still going on on {host}{doing}; waiting for its end."
                ));
            }
            Event::Plan(plan) => self.plan(plan),
            Event::Upgrades(upgrades) => self.say(upgrades::text(upgrades).trim_end()),
            Event::Replanned(plan) => {
                self.say(&format!("\n{} has changed meanwhile.", plan.host));
                self.plan(plan);
            }
            Event::Drift { plan, secrets } => match plan.is_fulfilled() {
                true => self.say(&history::no_drift(plan)),
                false => {
                    self.secrets = (*secrets).clone();
                    self.say(&history::drift(plan));
                    self.say(plan::text(plan, &self.secrets, self.verbose).trim_end_matches('\n'));
                }
            },
            Event::History { host, history } => self.say(&history::text(host, history)),
            Event::Journal { text, .. } => self.say(text.trim_end()),
            Event::Generation {
                playbook,
                number,
                generation,
                vars,
                text,
            } => self.say(&history::generation(playbook, *number, generation, vars, text)),
            Event::Difference {
                playbook,
                from,
                to,
                details,
            } => self.say(&history::difference(playbook, *from, *to, details)),
            Event::Back {
                playbook,
                number,
                generation,
                secrets,
            } => {
                self.secrets = (*secrets).clone();
                self.say(&history::back(playbook, *number, generation));
            }
            Event::Verifying {
                playbook,
                number,
                checks,
                secrets,
            } => {
                self.secrets = (*secrets).clone();
                let checks = match checks {
                    0 => "no checks".to_owned(),
                    some => counted(*some, "check"),
                };
                self.say(&format!("Generation {number} of {playbook} has {checks}."));
            }
            Event::Unchecked { playbook, why } => self.warn(&format!(
                "the checks of {playbook} were not asked: {why}; `hostwright verify` asks them"
            )),
            Event::BackingUp { secrets, .. } => self.secrets = (*secrets).clone(),
            Event::Backups { host, backups } => {
                self.tell(&self.secrets.redact(&backups::listed(host, backups)))
            }
            Event::BackedUp(done)
            | Event::BackupVerified(done)
            | Event::BackupDrilled(done)
            | Event::Restored(done) => {
                let text = self.secrets.redact(&backups::done(done));
                match done.failed {
                    true => self.tell(&text),
                    false => self.say(text.trim_end()),
                }
            }
            Event::RestorePlan {
                host,
                archive,
                differences,
            } => self.say(&backups::plan(host, archive, differences, self.verbose)),
            Event::Logs { sources, secrets } => {
                self.secrets = (*secrets).clone();
                let widths = sources.iter().map(|source| source.chars().count());
                self.sources = widths.max().filter(|_| sources.len() > 1);
            }
            Event::Told {
                name,
                well,
                state,
                lines,
                secrets,
                ..
            } => {
                self.secrets = (*secrets).clone();
                let mark = progress::mark(*well);
                self.tell(&format!("{mark} {name}  {state}\n"));
                for line in *lines {
                    self.tell(&format!("    {}\n", self.secrets.redact(line)));
                }
            }
            Event::Logged { source, line, .. } => {
                let line = self.secrets.redact(line);
                match self.sources {
                    None => self.tell(&format!("{line}\n")),
                    Some(width) => self.tell(&format!("{source:width$} | {line}\n")),
                }
            }
            Event::Reconnecting { host } => self.warn(&format!(
                "the connection to {host} was lost; it is made again, and goes on from the last line"
            )),
            Event::Diagnosis { diagnosis, secrets } => {
                self.secrets = (*secrets).clone();
                let text = self.secrets.redact(&doctor::text(diagnosis));
                match diagnosis.findings.is_empty() {
                    true => self.say(&text),
                    false => self.tell(&format!("{text}\n")),
                }
            }
            Event::Mended {
                finding,
                status,
                said,
            } => self.tell(&self.secrets.redact(&doctor::mended(finding, *status, said))),
            Event::Status(status) => self.tell(&format!("{}\n", status::text(status))),
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
            Event::Applied {
                changes,
                generation,
                back,
                seconds,
            } => {
                self.progress = None;
                self.say(&history::applied(*changes, *generation, *seconds));
                if let Some(back) = back {
                    self.say(&format!("The way back: {back}"));
                }
            }
            Event::Before(outcome) => self.check("before: ", outcome),
            Event::Check(outcome) => self.check("", outcome),
            Event::Checked { checks, seconds } => {
                let checks = counted(*checks, "check");
                self.say(&format!("{checks} passed in {seconds:.1} s."));
            }
            Event::Plans { plans } => self.tell(&machines::plans(plans)),
            Event::Regions { regions } => self.tell(&machines::regions(regions)),
            Event::Images { images } => self.tell(&machines::images(images)),
            Event::Machines { machines } => self.tell(&machines::machines(machines)),
            Event::Shown(known) => self.tell(&machines::shown(known)),
            Event::Destroyed(priced) => self.tell(&machines::destroyed(priced)),
            Event::Up(up) => self.tell(&machines::up(up)),
            Event::Remains(remains) => anstream::eprint!("{}", machines::remains(remains)),
            Event::Machine(MachineEvent::Odd { what }) => self.warn(what),
            Event::Machine(event) => {
                if let Some(line) = machines::event(event) {
                    self.say(&line);
                }
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

    fn check(&self, when: &str, Outcome { name, wrong, note }: &Outcome) {
        let name = format!("{when}{name}");
        match wrong {
            None => self.say(&progress::passed(&name, note.as_deref())),
            Some(wrong) => {
                let why = shortened(&self.secrets.redact(wrong));
                self.tell(&format!("{}\n", progress::wrong(&name, &why)));
            }
        }
    }

    fn plan(&self, plan: &Plan) {
        let Plan {
            playbook,
            host,
            address,
            release,
            digest,
            ..
        } = plan;
        let digest = &digest[..digest.len().min(12)];
        self.say(&format!(
            "Plan of {playbook} for {host} ({address}, {release}, plan {digest}):\n"
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
