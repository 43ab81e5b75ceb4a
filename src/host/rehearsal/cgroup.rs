//! A control group for each host: the one place where all its processes are listed, however
//! they were started, and the reason why two hosts' units never meet.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::RehearsalError;

const MOUNT: &str = "/sys/fs/cgroup";
const STARTER: &str = "starter";
/// How long killed processes may take to go, and how often we look.
const PATIENCE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(5);

/// The hierarchies that systemd uses: cgroup v2, or beside v1 controllers the two of the
/// "hybrid" layout (<https://systemd.io/CGROUP_DELEGATION/>, "Three Different Tree Setups").
fn hierarchies() -> Vec<PathBuf> {
    let mount = Path::new(MOUNT);
    if mount.join("cgroup.procs").exists() {
        return vec![mount.to_owned()];
    }
    ["unified", "systemd"]
        .iter()
        .map(|name| mount.join(name))
        .filter(|path| path.join("cgroup.procs").exists())
        .collect()
}

/// Why systemd could not have control groups here, if so.
pub(super) fn problem() -> Option<String> {
    let hierarchies = hierarchies();
    if hierarchies.is_empty() {
        return Some(format!(
            "a control group hierarchy at {MOUNT} (cgroup2 is not mounted)"
        ));
    }
    let read_only = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err();
    hierarchies
        .iter()
        .find(|path| read_only(path))
        .map(|path| format!("write access to the control groups at {}", path.display()))
}

/// The group of one host, in every hierarchy.
pub(super) struct Group {
    dirs: Vec<PathBuf>,
}

impl Group {
    pub(super) fn new(name: &str) -> Self {
        Self {
            dirs: hierarchies()
                .iter()
                .map(|hierarchy| hierarchy.join(name))
                .collect(),
        }
    }

    /// Makes the group, and in it one for the process that starts the host: cgroup v2 gives
    /// controllers only to the children of a group that holds no process itself.
    pub(super) fn create(&self) -> Result<(), RehearsalError> {
        for dir in self.dirs.iter().map(|dir| dir.join(STARTER)) {
            fs::create_dir_all(&dir).map_err(RehearsalError::io("make the control group", &dir))?;
        }
        Ok(())
    }

    /// The files that a process writes 0 to, to enter the group.
    pub(super) fn doors(&self) -> String {
        doors(self.dirs.iter())
    }

    /// The same for the starter's group.
    pub(super) fn starter_doors(&self) -> String {
        doors(self.dirs.iter().map(|dir| dir.join(STARTER)))
    }

    /// The processes in it and in the groups below.
    pub(super) fn pids(&self) -> Vec<Pid> {
        let mut pids = Vec::new();
        for dir in self.dirs.iter().flat_map(|dir| with_children(dir)) {
            // A group can go away while we look; then it holds nothing.
            let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            pids.extend(
                text.lines()
                    .filter_map(|line| line.parse().ok())
                    .filter_map(Pid::from_raw),
            );
        }
        pids
    }

    /// The host's PID 1: the process that is 1 in a namespace directly below ours.
    pub(super) fn init(&self) -> Option<Pid> {
        self.pids().into_iter().find(|pid| {
            let status = format!("/proc/{pid}/status");
            let status = fs::read_to_string(status).unwrap_or_default();
            let ids = status
                .lines()
                .find_map(|line| line.strip_prefix("NSpid:"))
                .unwrap_or_default();
            matches!(ids.split_whitespace().collect::<Vec<_>>()[..], [_, "1"])
        })
    }

    /// Kills every process in it and returns when none is left.
    pub(super) fn kill(&self) -> Result<(), RehearsalError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let pids = self.pids();
            let Some(first) = pids.first() else { return Ok(()) };
            for pid in &pids {
                // One that is gone already is what we want.
                let _ = kill_process(*pid, Signal::KILL);
            }
            if Instant::now() > deadline {
                let source = ErrorKind::TimedOut.into();
                return Err(RehearsalError::io("end process", first.to_string())(source));
            }
            thread::sleep(TICK);
        }
    }

    /// Removes it; its processes must have ended.
    pub(super) fn remove(&self) -> Result<(), RehearsalError> {
        let deadline = Instant::now() + PATIENCE;
        for dir in self.dirs.iter().filter(|dir| dir.exists()) {
            for dir in with_children(dir).iter().rev() {
                // A killed process holds its group for a moment after it is no longer listed.
                while let Err(error) = fs::remove_dir(dir) {
                    if error.kind() != ErrorKind::ResourceBusy || Instant::now() > deadline {
                        return Err(RehearsalError::io("remove the control group", dir)(error));
                    }
                    thread::sleep(TICK);
                }
            }
        }
        Ok(())
    }
}

fn doors(dirs: impl Iterator<Item = impl AsRef<Path>>) -> String {
    dirs.map(|dir| dir.as_ref().join("cgroup.procs").display().to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A group and all those below it, parents first.
fn with_children(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut next = 0;
    while let Some(dir) = found.get(next) {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let children: Vec<_> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .collect();
        found.extend(children.iter().map(fs::DirEntry::path));
        next += 1;
    }
    found
}
