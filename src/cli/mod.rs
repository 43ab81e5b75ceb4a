//! The command line: one file a command.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use miette::Diagnostic;

use crate::operations::running::verb::Verb;
use crate::report::View;

mod apply;
mod backup;
mod check;
mod common;
mod completions;
mod diff;
mod doctor;
mod drift;
mod exec;
mod history;
mod hosts;
mod logs;
mod machine;
mod man;
mod menu;
mod new;
mod person;
mod plan;
mod prompt;
mod rehearse;
mod rollback;
mod running;
mod schema;
mod show;
mod ssh;
mod starter;
mod status;
mod switches;
mod trust;
mod up;
mod verify;
mod vm;

pub use switches::Switch;

/// Provision and run a server from a playbook.
#[derive(Debug, Parser)]
#[command(name = "hostwright", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first playbook, by a few questions
    New(new::Args),
    /// Parse, validate and render a playbook; no host is contacted
    Check(check::Args),
    /// Show what would change on a host; changes nothing
    Plan(plan::Args),
    /// Plan, ask, apply and verify
    Apply(apply::Args),
    /// Make first contact with a host: log in with a password once, and with a key from then on
    Trust(trust::Args),
    /// Apply a playbook to a throwaway host on this machine and prove that it converges
    Rehearse(rehearse::Args),
    /// List what a host remembers: the generations of its playbooks, and runs that made none
    History(history::Args),
    /// Show a playbook as it was applied
    Show(show::Args),
    /// Show how two generations differ
    Diff(diff::Args),
    /// Show what someone changed on a host since the last apply
    Drift(drift::Args),
    /// Apply an earlier generation again
    Rollback(rollback::Args),
    /// Show how a host fares: its programs, sites, disks, updates
    Status(status::Args),
    /// Find what is wrong with a host, and why; offer to mend it where that takes nothing away
    Doctor(doctor::Args),
    /// Restart programs or units of a host, and wait until they have come up and stay up
    Restart(running::Args),
    /// Stop programs or units of a host
    Stop(running::Args),
    /// Start programs or units of a host, and wait until they have come up and stay up
    Start(running::Args),
    /// Show what programs, units and sites of a host have logged
    Logs(logs::Args),
    /// Run, list, verify and restore the backups of a host
    Backup(backup::Args),
    /// Run the checks of what was applied last
    Verify(verify::Args),
    /// Run a command on a host as root; its exit status is passed on
    Exec(exec::Args),
    /// Log in with the system's ssh, told what is known of a host
    Ssh(ssh::Args),
    /// What there is to do with a host, each with the command that does it
    Menu(menu::Args),
    /// From nothing to a running server: order a machine, or find it, apply a playbook and run its checks
    Up(up::Args),
    /// Order, show and destroy machines
    Vm(vm::Args),
    /// Print the JSON schema of playbooks, or of what --json writes
    Schema(schema::Args),
    /// Print the completions of the command line for a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
}

/// An error that a command ends with; it has its own words for people.
type Failure = Box<dyn Diagnostic + Send + Sync>;

/// What a command that did not fail ends with.
type Exit = Result<ExitCode, Failure>;

/// The command line.
fn command() -> clap::Command {
    switches::with_environment(Cli::command())
}

/// All switches, and their names in the environment.
pub fn switches() -> Vec<Switch> {
    switches::all(&command())
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let parsed = command().try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(answer) => {
            let _ = answer.print();
            if let Some(hint) = switches::hint(&answer) {
                anstream::eprintln!("{hint}");
            }
            // A wrong command line ends with 1: for `plan --detailed-exitcode` 2 means changes.
            return if answer.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    // Only an earlier installation makes this an error, and then there is a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: the program could not start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match &cli.command {
            Command::New(args) => new::run(args),
            Command::Menu(args) => menu::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Plan(args) => plan::run(args).await,
            Command::Apply(args) => apply::run(args).await,
            Command::Trust(args) => trust::run(args).await,
            Command::Rehearse(args) => rehearse::run(args).await,
            Command::History(args) => history::run(args).await,
            Command::Show(args) => show::run(args).await,
            Command::Diff(args) => diff::run(args).await,
            Command::Drift(args) => drift::run(args).await,
            Command::Rollback(args) => rollback::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Restart(args) => running::run(args, Verb::Restart, "restart").await,
            Command::Stop(args) => running::run(args, Verb::Stop, "stop").await,
            Command::Start(args) => running::run(args, Verb::Start, "start").await,
            Command::Logs(args) => logs::run(args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Exec(args) => exec::run(args).await,
            Command::Ssh(args) => ssh::run(args).await,
            Command::Up(args) => up::run(args).await,
            Command::Vm(args) => vm::run(args).await,
            Command::Schema(args) => schema::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    });
    runtime.shutdown_background();
    result.unwrap_or_else(|error| {
        View::text(false, false).error(error.as_ref());
        ExitCode::FAILURE
    })
}
