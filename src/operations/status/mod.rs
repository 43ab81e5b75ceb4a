//! How a host fares: asked in one round trip, without a playbook.

use schemars::JsonSchema;
use serde::Serialize;

mod answer;
pub mod ask;
mod firewall;
mod jobs;


use super::backups::Backup;
use super::generation::Kept;

/// How a host fares. Sizes are in bytes, times in seconds since 1970.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Status {
    /// The host, as it was reached.
    pub host: String,
    /// The machine.
    pub system: System,
    /// What runs under supervisor, and the units that the newest generations declare.
    pub programs: Vec<Program>,
    /// The sites that nginx reads.
    pub sites: Vec<Site>,
    /// The monitors that ship with hostwright, as far as the newest generations declare them.
    pub monitors: Vec<Monitor>,
    /// The backups that the newest generations declare.
    pub backups: Vec<Backup>,
    /// What the firewall lets in.
    pub firewall: Firewall,
    /// What cron runs.
    pub jobs: Vec<Job>,
    /// The units that have failed.
    pub failed: Vec<String>,
    /// What apt would upgrade; none where apt does not say.
    pub updates: Option<Updates>,
    /// The newest generation of each playbook.
    pub generations: Vec<Kept>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct System {
    /// What it calls itself.
    pub hostname: String,
    /// Its distribution and release.
    pub release: String,
    /// Its kernel's release.
    pub kernel: String,
    /// Its clock.
    pub now: u64,
    /// How long it has been up, in seconds.
    pub uptime: u64,
    /// How many processors it has.
    pub processors: u32,
    /// Its load: the mean of how many processes ran or waited in the last minute, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Its memory; used is what is not available to programs.
    pub memory: Space,
    /// Its swap space.
    pub swap: Space,
    /// Its file systems.
    pub disks: Vec<Disk>,
    /// The five processes that take most memory, the largest first.
    pub largest: Vec<Process>,
    /// Whether an update takes effect only when it is rebooted.
    pub reboot_required: bool,
}

/// So much of something, and how much of that is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What is taken.
    pub used: u64,
}

/// A file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: String,
    /// Its bytes; those that are kept for root count as used.
    pub space: Space,
    /// Its inodes; none where it has no fixed number of them.
    pub inodes: Option<Space>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What of it is in memory.
    pub memory: u64,
}

/// A program that shall run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// Its name: supervisor's, or that of a unit.
    pub name: String,
    /// What runs it.
    pub runner: Runner,
    /// What state it is in, in the runner's words.
    pub state: String,
    /// Whether that is a state in which something is to be mended.
    pub failed: bool,
    /// Since when.
    pub since: Option<u64>,
    /// How often it was started again because it had ended: under supervisor, as far as its log goes back.
    pub restarts: Option<u64>,
    /// What it and its children take of memory.
    pub memory: Option<u64>,
    /// Where it and its children take TCP connections: `address:port`.
    pub listens: Vec<String>,
}

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// supervisord.
    Supervisor,
    /// systemd.
    Systemd,
}

/// A site that nginx reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Site {
    /// Its file's name, without `.conf`.
    pub name: String,
    /// The names that it answers to.
    pub server_names: Vec<String>,
    /// The files of its certificates.
    pub certificates: Vec<String>,
    /// When the first of them ends, where that is known.
    pub ends: Option<u64>,
    /// In how many days, rounded down; below 0 it has ended.
    pub days: Option<i64>,
}

/// A host's firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Firewall {
    /// What keeps its rules: `ufw`, or `iptables`; none where there are no rules.
    pub tool: Option<String>,
    /// Whether the kernel has them.
    pub active: bool,
    /// What becomes of incoming traffic that no rule is about, in the kernel's word: `drop`, `accept`.
    pub incoming: String,
    /// The rules for incoming traffic, in the tool's words.
    pub rules: Vec<String>,
}

/// A job of cron's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Job {
    /// The file that has it.
    pub table: String,
    /// When it runs, as it is written there.
    pub schedule: String,
    /// Who runs it.
    pub user: String,
    /// What is run.
    pub command: String,
    /// When it was started last, as far as the log goes back.
    pub ran: Option<u64>,
    /// The exit status of that run; none where cron does not log failures (cron(8), `-L`).
    pub status: Option<i32>,
}

/// A monitor of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Monitor {
    /// Its playbook and its name: `PLAYBOOK-NAME`.
    pub name: String,
    /// What it watches; nothing where it watches backups alone.
    pub program: String,
    /// When it ran last.
    pub asked: u64,
    /// How often in a row the program was not well.
    pub failures: u32,
    /// How often it was restarted, and has not been well since.
    pub restarts: u32,
}

/// What apt would upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Updates {
    /// How many packages.
    pub waiting: usize,
    /// How many of them for security.
    pub security: usize,
}
