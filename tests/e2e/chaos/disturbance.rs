//! What is done to an apply in the middle of it.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::Dice;
use crate::host::{Host, wait_for};
use crate::transaction::Apply;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    ControllerKilled,
    PowerLost,
    SshdRestarted,
    LinkCut,
    LinkFlapping,
    AnotherApply,
    /// The file system of hostwright's own place is full.
    BaseFull,
    /// That of what the run puts in place.
    TargetFull,
    MemoryShort,
    RunKilled,
}

use Disturbance::*;

pub const ALL: [Disturbance; 10] = [
    ControllerKilled,
    PowerLost,
    SshdRestarted,
    LinkCut,
    LinkFlapping,
    AnotherApply,
    BaseFull,
    TargetFull,
    MemoryShort,
    RunKilled,
];

/// How much memory there is when it is short, in bytes.
const LIMIT: u64 = 16 * 1024 * 1024;

/// The port of sshd is cut off before the firewall sees a packet, so that no rule of its own is touched.
const CUT: &str = "iptables -t raw -I PREROUTING -p tcp --dport 22 -j DROP";
const MEND: &str = "iptables -t raw -D PREROUTING -p tcp --dport 22 -j DROP";

impl Disturbance {
    /// The directory that gets a small file system of its own.
    fn small(self) -> Option<&'static str> {
        match self {
            BaseFull => Some("/var/lib/hostwright"),
            TargetFull => Some("/srv/chaos"),
            _ => None,
        }
    }

    /// What must be so before the apply begins.
    pub fn prepare(self, host: &Host) {
        let Some(dir) = self.small() else { return };
        host.sh(&format!(
            "mkdir -p /run/small
            mount -t tmpfs -o size=$(($(du -sk {dir} | cut -f 1) + 4096))k small /run/small
            cp -a {dir}/. /run/small/
            mount --bind /run/small {dir}
            umount /run/small"
        ));
    }

    /// Does it, in the middle of an apply.
    pub fn strike(self, host: &mut Host, apply: &mut Apply, dice: &mut Dice, another: &str) {
        match self {
            ControllerKilled => apply.kill(),
            PowerLost => {
                host.machine.kill().expect("no power");
                host.machine.start().expect("power again");
            }
            SshdRestarted => {
                host.sh("pkill -9 -f '^sshd: root' || true; systemctl restart ssh");
            }
            LinkCut => {
                host.sh(&format!("{CUT}; sleep 2; {MEND}"));
            }
            LinkFlapping => {
                for _ in 0..4 {
                    let [off, on] =
                        [100 + dice.below(900), 100 + dice.below(900)].map(|ms| ms as f64 / 1000.0);
                    host.sh(&format!("{CUT}; sleep {off}; {MEND}; sleep {on}"));
                }
            }
            AnotherApply => {
                Apply::start(host, another, "other").end(Duration::from_secs(120));
            }
            BaseFull | TargetFull => {
                // Sometimes a few pages are left.
                let (dir, left) = (self.small().expect("a directory"), dice.below(8) * 4096);
                host.sh(&format!(
                    "cat /dev/zero >{dir}/fill 2>/dev/null || true; truncate -s -{left} {dir}/fill"
                ));
            }
            MemoryShort => {
                // What the kernel kills is a step, as a rule, and not the run.
                let memory = Memory::short(host, dice.below(1024) * 1024);
                for _ in 0..20 {
                    memory.take(host);
                    sleep(Duration::from_millis(50 + dice.below(50)));
                }
            }
            RunKilled => {
                let pids = processes_of_the_run(host).into_iter().map(|pid| pid.to_string());
                let _ = Command::new("kill").arg("-KILL").args(pids).output();
            }
        }
    }

    /// Ends it, once the run is over.
    pub fn end(self, host: &Host) {
        if let Some(dir) = self.small() {
            host.sh(&format!("rm -f {dir}/fill"));
        }
    }

    /// Takes back what was prepared.
    pub fn clear(self, host: &Host) {
        let Some(dir) = self.small() else { return };
        host.sh(&format!(
            "mkdir /run/large
            cp -a {dir}/. /run/large/
            umount {dir}
            find {dir} -mindepth 1 -delete
            cp -a /run/large/. {dir}/
            rm -rf /run/large"
        ));
    }
}

/// The processes of the run that goes on, as this machine numbers them; not those that follow it.
fn processes_of_the_run(host: &Host) -> Vec<u32> {
    let pids = Command::new("ip")
        .args(["netns", "pids", host.machine.netns()])
        .output()
        .expect("ip runs");
    let pids = String::from_utf8_lossy(&pids.stdout).into_owned();
    let is_of_it = |pid: &u32| {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        cwd.to_string_lossy().contains("/hostwright/runs/") && !command.starts_with(b"tail")
    };
    pids.lines()
        .filter_map(|pid| pid.parse().ok())
        .filter(is_of_it)
        .collect()
}

/// A control group of this machine's in which memory is used up. Dropping it gives all back.
struct Memory {
    group: String,
    /// Where its processes go when it is removed.
    above: String,
    /// What uses the memory up: a file in memory, which no killing gives back.
    file: String,
}

impl Memory {
    /// A group in which `left` bytes may still be taken.
    fn short(host: &Host, left: u64) -> Self {
        let name = host.machine.netns();
        // Version 1 has a hierarchy for it.
        let (above, limit) = match fs::exists("/sys/fs/cgroup/memory").expect("read") {
            true => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            false => ("/sys/fs/cgroup", "memory.max"),
        };
        if limit == "memory.max" {
            fs::write(format!("{above}/cgroup.subtree_control"), "+memory").expect("memory can be limited");
        }
        let memory = Self {
            group: format!("{above}/chaos-{name}"),
            above: above.to_owned(),
            file: format!("/dev/shm/chaos-{name}"),
        };
        let Self { group, file, .. } = &memory;
        fs::create_dir_all(group).expect("a control group");
        fs::write(format!("{group}/{limit}"), LIMIT.to_string()).expect("limited");
        let fill = format!("echo $$ >{group}/cgroup.procs; exec head -c {LIMIT} /dev/zero >{file}");
        // It is killed when no memory is left.
        let _ = Command::new("sh").args(["-c", &fill]).status();
        let file = fs::File::options().write(true).open(file).expect("the file");
        let length = file.metadata().expect("its size").len();
        file.set_len(length.saturating_sub(left)).expect("shorter");
        memory
    }

    /// Takes the run's processes in.
    fn take(&self, host: &Host) {
        for pid in processes_of_the_run(host) {
            // It may have ended meanwhile.
            let _ = fs::write(format!("{}/cgroup.procs", self.group), pid.to_string());
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
        wait_for("the control group to be empty", || {
            let inside = fs::read_to_string(format!("{}/cgroup.procs", self.group)).unwrap_or_default();
            for pid in inside.lines() {
                let _ = fs::write(format!("{}/cgroup.procs", self.above), pid);
            }
            fs::remove_dir(&self.group).is_ok()
        });
    }
}
