//! What a host answers when it is asked how it fares.

use std::collections::{BTreeMap, BTreeSet};

use super::firewall::firewall;
use super::jobs::jobs;
use super::{Disk, Monitor, Process, Program, Runner, Site, Space, Status, System, Updates};
use crate::layout::Frame;
use crate::operations::backups;
use crate::operations::generation::Kept;

/// How many of the largest processes are told.
const LARGEST: usize = 5;

/// What of the answer is known only together.
#[derive(Default)]
struct Seen {
    page: u64,
    processes: Vec<Running>,
    /// The sockets that listen, by the processes that have them.
    sockets: Vec<(u32, String)>,
    supervised: String,
    exits: BTreeMap<String, u64>,
    units: Vec<(String, String)>,
    /// cron's tables.
    tables: String,
}

struct Running {
    pid: u32,
    parent: u32,
    memory: u64,
    name: String,
}

/// The whole answer; none where it is cut off or foreign.
pub(crate) fn read(answer: &[u8], host: &str) -> Option<Status> {
    let mut status = Status {
        host: host.to_owned(),
        ..Status::default()
    };
    let mut seen = Seen::default();
    let mut rest = answer;
    loop {
        let frame;
        (frame, rest) = Frame::read(rest).ok()?;
        let text = String::from_utf8_lossy(frame.body);
        match frame.kind {
            "end" => break,
            "system" => seen.page = system(&mut status.system, &text),
            "memory" => memory(&mut status.system, &text),
            "disks" => status.system.disks = text.lines().filter_map(disk).collect(),
            "processes" => seen.processes = text.lines().filter_map(running).collect(),
            "listening" => seen.sockets = text.lines().flat_map(sockets).collect(),
            "supervised" => seen.supervised = text.into_owned(),
            "exits" => seen.exits = text.lines().filter_map(exits).collect(),
            "unit" => seen.units.push((frame.name.to_owned(), text.into_owned())),
            "site" => status.sites.push(site(frame.name, &text, status.system.now)),
            "backup" => status.backups.push(backups::answer::about(&text)),
            "firewall" => status.firewall = firewall(&text),
            "jobs" => seen.tables = text.into_owned(),
            "ran" => status.jobs = jobs(&seen.tables, &text, frame.name == "yes"),
            "monitor" => status.monitors.push(monitor(frame.name, &text)),
            "failed" => status.failed = text.lines().map(str::to_owned).collect(),
            "updates" => status.updates = Some(updates(&text)),
            "generation" => {
                let (playbook, number) = frame.name.rsplit_once('/').unwrap_or_default();
                // What a later version wrote, or a broken disk left, is none of ours.
                if let (Ok(number), Ok(generation)) = (number.parse(), serde_json::from_slice(frame.body)) {
                    status.generations.push(Kept {
                        playbook: playbook.to_owned(),
                        number,
                        run: String::new(),
                        generation,
                    });
                }
            }
            "run" => {
                if let Some(last) = status.generations.last_mut() {
                    last.run = text.trim().to_owned();
                }
            }
            _ => {}
        }
    }
    for process in &mut seen.processes {
        process.memory = process.memory.saturating_mul(seen.page);
    }
    status.system.largest = largest(&seen.processes);
    let now = status.system.now;
    status.programs = seen
        .supervised
        .lines()
        .filter_map(|line| seen.supervised(line))
        .collect();
    let booted = now.saturating_sub(status.system.uptime);
    status.programs.extend(
        seen.units
            .iter()
            .map(|(name, shown)| seen.unit(name, shown, booted)),
    );
    Some(status)
}

/// Reads a machine, and returns the size of a page of its memory.
fn system(system: &mut System, text: &str) -> u64 {
    let fields = fields(text);
    let field = |name| fields.get(name).copied().unwrap_or_default();
    let first = |name| field(name).split([' ', '.']).next().unwrap_or_default();
    system.hostname = field("hostname").to_owned();
    system.release = field("release").to_owned();
    system.kernel = field("kernel").to_owned();
    system.now = field("now").parse().unwrap_or_default();
    system.uptime = first("uptime").parse().unwrap_or_default();
    system.processors = field("processors").parse().unwrap_or_default();
    for (load, word) in system.load.iter_mut().zip(field("load").split(' ')) {
        *load = word.parse().unwrap_or_default();
    }
    system.reboot_required = field("reboot") == "yes";
    field("page").parse().unwrap_or_default()
}

/// `NAME=VALUE`, a line each.
fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

/// proc_meminfo(5), whose kB are of 1024 bytes.
fn memory(system: &mut System, text: &str) {
    let of = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or_default().saturating_mul(1024)
    };
    let space = |total: u64, free: u64| Space {
        total,
        used: total.saturating_sub(free),
    };
    system.memory = space(of("MemTotal"), of("MemAvailable"));
    system.swap = space(of("SwapTotal"), of("SwapFree"));
}

/// A line of df; none for what is in memory alone, or is never written.
fn disk(line: &str) -> Option<Disk> {
    let mut words = line.split_whitespace();
    let mut number = || words.next().map(|word: &str| word.parse::<u64>().ok());
    let (size, _used, avail, inodes, inodes_used) = (number()??, number()?, number()??, number()?, number()?);
    let kind = words.next()?;
    let mount = words.collect::<Vec<_>>().join(" ");
    let elsewhere = ["tmpfs", "devtmpfs", "squashfs", "iso9660", "ramfs"].contains(&kind);
    if size == 0
        || elsewhere && mount != "/"
        || ["/proc", "/sys", "/dev", "/run"]
            .iter()
            .any(|top| mount.starts_with(top))
    {
        return None;
    }
    let inodes = inodes.filter(|total| *total > 0).map(|total| Space {
        total,
        used: inodes_used.unwrap_or_default(),
    });
    Some(Disk {
        mount,
        space: Space {
            total: size,
            used: size.saturating_sub(avail),
        },
        inodes,
    })
}

fn running(line: &str) -> Option<Running> {
    let mut words = line.splitn(4, ' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (pid, parent, memory) = (number()?, number()?, number()?);
    Some(Running {
        pid: u32::try_from(pid).ok()?,
        parent: u32::try_from(parent).ok()?,
        memory,
        name: words.next()?.to_owned(),
    })
}

/// A line of `ss -Hltnp`: `LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=7,fd=6),…)`.
fn sockets(line: &str) -> Vec<(u32, String)> {
    let at = line.split_whitespace().nth(3).unwrap_or_default();
    let pids = line.split("pid=").skip(1);
    let pids = pids.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    pids.map(|pid| (pid, at.to_owned())).collect()
}

/// A line of `uniq -c`.
fn exits(line: &str) -> Option<(String, u64)> {
    let (count, name) = line.trim().split_once(' ')?;
    Some((name.to_owned(), count.parse().ok()?))
}

fn site(name: &str, text: &str, now: u64) -> Site {
    let of = |key: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(word, _)| *word == key);
        let words = lines.flat_map(|(_, rest)| rest.split_whitespace());
        let mut found: Vec<String> = Vec::new();
        for word in words {
            if !found.iter().any(|known| known == word) {
                found.push(word.to_owned());
            }
        }
        found
    };
    let ends: Option<u64> = of("ends").iter().filter_map(|end| end.parse().ok()).min();
    let days = |end: u64| {
        let left = i64::try_from(end).ok()? - i64::try_from(now).ok()?;
        Some(left.div_euclid(24 * 60 * 60))
    };
    Site {
        name: name.to_owned(),
        server_names: of("server_name"),
        certificates: of("ssl_certificate"),
        ends,
        days: ends.and_then(days),
    }
}

/// What a monitor keeps in mind; a crash may have left half of a number.
fn monitor(name: &str, text: &str) -> Monitor {
    let fields = fields(text);
    let field = |name| fields.get(name).copied().unwrap_or_default();
    Monitor {
        name: name.to_owned(),
        program: field("program").to_owned(),
        asked: field("asked").parse().unwrap_or_default(),
        failures: field("failures").parse().unwrap_or_default(),
        restarts: field("restarts").parse().unwrap_or_default(),
    }
}

/// What apt says of each package that it would install, between parentheses: version, archives, architecture.
fn updates(text: &str) -> Updates {
    let packages = || text.lines().filter(|line| !line.is_empty());
    let security = packages().filter(|line| line.contains("-security") || line.contains("Debian-Security"));
    Updates {
        waiting: packages().count(),
        security: security.count(),
    }
}

fn largest(processes: &[Running]) -> Vec<Process> {
    let mut all: Vec<&Running> = processes.iter().filter(|process| process.memory > 0).collect();
    all.sort_by_key(|process| (std::cmp::Reverse(process.memory), process.pid));
    let process = |process: &Running| Process {
        pid: process.pid,
        name: process.name.clone(),
        memory: process.memory,
    };
    all.into_iter().take(LARGEST).map(process).collect()
}

impl Seen {
    /// A line of `look`, which prints tabs where supervisord itself has been asked.
    fn supervised(&self, line: &str) -> Option<Program> {
        let words: Vec<&str> = match line.contains('\t') {
            true => line.split('\t').collect(),
            false => line.split_whitespace().collect(),
        };
        let [full, state, exit, pid, since, ..] = words[..] else {
            return None;
        };
        // Where supervisord does not answer, supervisorctl names its socket.
        let (group, own) = full.split_once(':').filter(|_| !full.contains("://"))?;
        let name = if group == own { own } else { full };
        let family = pid
            .parse()
            .ok()
            .filter(|pid| *pid != 0)
            .map(|pid| self.family(pid));
        let family = family.unwrap_or_default();
        let is_up = matches!(state, "RUNNING" | "STARTING" | "STOPPING");
        Some(Program {
            name: name.to_owned(),
            runner: Runner::Supervisor,
            state: state.to_lowercase(),
            failed: matches!(state, "FATAL" | "BACKOFF" | "UNKNOWN") || state == "EXITED" && exit != "0",
            since: since.parse().ok().filter(|_| is_up),
            restarts: Some(self.exits.get(own).copied().unwrap_or_default()),
            memory: is_up.then(|| self.memory(&family)),
            listens: self.listens(&family),
        })
    }

    /// What `systemctl show` says of a unit, and its processes.
    fn unit(&self, name: &str, shown: &str, booted: u64) -> Program {
        let fields = fields(shown);
        let field = |name| fields.get(name).copied().unwrap_or_default();
        let pids: BTreeSet<u32> = field("Pids")
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect();
        let (state, sub) = (field("ActiveState"), field("SubState"));
        // Microseconds since the boot; 0 for never.
        let changed: u64 = field("StateChangeTimestampMonotonic").parse().unwrap_or_default();
        let memory = field("MemoryCurrent")
            .parse()
            .ok()
            .filter(|bytes| *bytes < u64::MAX);
        Program {
            name: name.trim_end_matches(".service").to_owned(),
            runner: Runner::Systemd,
            state: match sub == state || sub.is_empty() {
                true => state.to_owned(),
                false => format!("{state} ({sub})"),
            },
            failed: state == "failed" || sub == "auto-restart",
            since: (changed > 0).then(|| booted.saturating_add(changed / 1_000_000)),
            restarts: field("NRestarts").parse().ok(),
            memory: memory.or_else(|| (!pids.is_empty()).then(|| self.memory(&pids))),
            listens: self.listens(&pids),
        }
    }

    /// A process and all that it has started.
    fn family(&self, first: u32) -> BTreeSet<u32> {
        let mut family = BTreeSet::from([first]);
        loop {
            let is_child =
                |process: &&Running| family.contains(&process.parent) && !family.contains(&process.pid);
            let more: Vec<u32> = self
                .processes
                .iter()
                .filter(is_child)
                .map(|process| process.pid)
                .collect();
            if more.is_empty() {
                return family;
            }
            family.extend(more);
        }
    }

    fn memory(&self, pids: &BTreeSet<u32>) -> u64 {
        let own = self
            .processes
            .iter()
            .filter(|process| pids.contains(&process.pid));
        own.fold(0, |sum, process| sum.saturating_add(process.memory))
    }

    fn listens(&self, pids: &BTreeSet<u32>) -> Vec<String> {
        let own = self.sockets.iter().filter(|(pid, _)| pids.contains(pid));
        let at: BTreeSet<&String> = own.map(|(_, at)| at).collect();
        at.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: &str, name: &str, body: &str) -> String {
        format!("@{kind} {} {name}\n{body}\n", body.len())
    }

    #[test]
    fn what_belongs_together_is_put_together() {
        let day = 24 * 60 * 60;
        let parts = [
            frame(
                "system",
                "",
                "hostname=web\nprocessors=2\npage=4096\nnow=1000000\nuptime=5000.25 1.0\nload=0.5 1 2 1/2 3\nreboot=",
            ),
            frame(
                "memory",
                "",
                "MemTotal:  2000 kB\nMemAvailable:  500 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB",
            ),
            frame(
                "disks",
                "",
                "1B-blocks Used Avail Inodes IUsed Type Mounted on\n100 30 60 10 4 ext4 /\n9 1 8 5 1 tmpfs /run\n50 1 49 - - btrfs /my disk",
            ),
            frame("processes", "", "7 1 10 python3\n8 7 20 a (b) c\n9 1 1 other"),
            frame(
                "listening",
                "",
                "LISTEN 0 5 127.0.0.1:8080 0.0.0.0:* users:((\"a\",pid=8,fd=3),(\"x\",pid=80,fd=3))",
            ),
            frame(
                "supervised",
                "",
                "api:api\tRUNNING\t0\t7\t999000\t/o\t/e\npool:w1\tFATAL\t1\t0\t0\t-\t-",
            ),
            frame("exits", "", "      3 api"),
            frame(
                "unit",
                "t.service",
                "ActiveState=active\nSubState=running\nNRestarts=2\nMemoryCurrent=[not set]\nStateChangeTimestampMonotonic=4000000000\nPids=9 ",
            ),
            frame(
                "site",
                "shop",
                &format!(
                    "server_name a b\nssl_certificate /c\nends {}\nends {}",
                    1_000_000 + 3 * day,
                    1_000_000 - 1
                ),
            ),
            frame("failed", "", ""),
            frame(
                "updates",
                "",
                "1.2 Debian:12/stable [amd64]\n3 Debian-Security:12/stable-security [amd64]",
            ),
            frame("end", "", ""),
        ];
        let answer = parts.concat();
        let status = read(answer.as_bytes(), "root@web").expect("an answer");
        let [api, broken, unit] = &status.programs[..] else {
            panic!("{status:?}")
        };
        assert_eq!(
            (api.memory, api.restarts, api.since),
            (Some(30 * 4096), Some(3), Some(999_000))
        );
        assert_eq!(
            (&*api.name, &*api.listens[0], api.failed),
            ("api", "127.0.0.1:8080", false)
        );
        assert_eq!(
            (&*broken.name, broken.failed, broken.memory),
            ("pool:w1", true, None)
        );
        assert_eq!(
            (&*unit.name, unit.since, unit.memory),
            ("t", Some(999_000), Some(4096))
        );
        assert_eq!(
            (status.sites[0].days, status.sites[0].server_names.len()),
            (Some(-1), 2)
        );
        assert_eq!(
            status.updates,
            Some(Updates {
                waiting: 2,
                security: 1
            })
        );
        assert_eq!(
            status.system.memory,
            Space {
                total: 2_048_000,
                used: 1_536_000
            }
        );
        let disks: Vec<_> = status
            .system
            .disks
            .iter()
            .map(|disk| (&*disk.mount, disk.space.used))
            .collect();
        assert_eq!(disks, [("/", 40), ("/my disk", 1)]);
        assert_eq!(status.system.largest[0].name, "a (b) c");
        assert!(
            read(&answer.as_bytes()[..answer.len() - 8], "web").is_none(),
            "it is cut off"
        );
    }

    #[test]
    fn numbers_that_no_machine_has_are_as_large_as_numbers_get() {
        let most = u64::MAX;
        let parts = [
            frame("system", "", &format!("page=4096\nnow={most}\nuptime=0")),
            frame("memory", "", &format!("MemTotal: {most} kB\nMemAvailable: 1 kB")),
            frame("processes", "", &format!("7 1 {most} a\n8 7 {most} b")),
            frame(
                "unit",
                "t.service",
                &format!("StateChangeTimestampMonotonic={most}\nPids=7 8"),
            ),
            frame("end", "", ""),
        ];
        let status = read(parts.concat().as_bytes(), "web").expect("an answer");
        assert_eq!(status.system.memory.total, most);
        let unit = &status.programs[0];
        assert_eq!((unit.memory, unit.since), (Some(most), Some(most)));
    }
}
