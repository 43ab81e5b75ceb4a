//! Disks, inodes, memory and the clock.

use super::finding::{Finding, Gravity};
use super::seen::{Seen, span, value};

/// In percent: so full is full, and so full soon is.
const FULL: u64 = 98;
const NEARLY: u64 = 90;

/// A deleted file that is so large, and still open, is worth telling.
const LARGE: u64 = 10_000_000;

/// In seconds: what a clock may be off.
const OFF: u64 = 5;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let disks = seen.first("disks").lines().filter_map(disk);
    let mut findings: Vec<Finding> = disks.flat_map(|disk| full(seen, &disk)).collect();
    findings.extend(memory(seen));
    findings.extend(clock(seen));
    findings
}

struct Disk<'s> {
    mount: String,
    size: u64,
    avail: u64,
    inodes: Option<(u64, u64)>,
    kind: &'s str,
}

/// A line of df; all that programs write to, what is in memory included.
fn disk(line: &str) -> Option<Disk<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [size, _, avail, inodes, used, kind, mount @ ..] = &words[..] else {
        return None;
    };
    let mount = mount.join(" ");
    let ours = ["/proc", "/sys", "/dev", "/snap/", "/run/host", "/run/credentials"];
    if ["squashfs", "iso9660", "ramfs"].contains(kind) || ours.iter().any(|top| mount.starts_with(top)) {
        return None;
    }
    Some(Disk {
        mount,
        size: size.parse().ok().filter(|size| *size > 0)?,
        avail: avail.parse().ok()?,
        inodes: inodes
            .parse()
            .ok()
            .filter(|all: &u64| *all > 0)
            .zip(used.parse().ok()),
        kind,
    })
}

fn full(seen: &Seen, disk: &Disk<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mount = &*disk.mount;
    let percent = |used: u64, all: u64| (u128::from(used) * 100 / u128::from(all.max(1))) as u64;
    let used = percent(disk.size.saturating_sub(disk.avail), disk.size);
    let graded = |used: u64, what: &str| match used {
        FULL.. => Some((Gravity::Down, format!("{what} of {mount} are used up"))),
        NEARLY.. => Some((
            Gravity::Failing,
            format!("{used} % of {what} of {mount} are used"),
        )),
        _ => None,
    };
    if let Some((gravity, what)) = graded(used, "the space") {
        let what = what
            .replace("space of", "space on")
            .replace("are used", "is used");
        let deleted: Vec<&str> = seen
            .text("deleted", mount)
            .lines()
            .filter(|line| bytes(line) > LARGE)
            .collect();
        let large = seen
            .text("large", mount)
            .lines()
            .filter(|line| !line.ends_with(&format!("\t{mount}")));
        let large: Vec<String> = large
            .take(4)
            .filter_map(|line| {
                line.split_once('\t')
                    .map(|(size, path)| format!("{path} takes {}", mb(size)))
            })
            .collect();
        let found = |kind, cause: String| {
            Finding::new(kind, gravity, &*what, cause).seen(format!(
                "{} are left of {} ({})",
                mb(&disk.avail.to_string()),
                mb(&disk.size.to_string()),
                disk.kind
            ))
        };
        let held: u64 = deleted.iter().map(|line| bytes(line)).sum();
        findings.push(if held * 3 > disk.size {
            let tell = |line: &&str| {
                let mut words = line.splitn(4, ' ');
                let (size, pid, name, path) = (words.next()?, words.next()?, words.next()?, words.next()?);
                Some(format!("{name} (pid {pid}) has {path} open: {}", mb(size)))
            };
            found("disk.deleted-files", "programs keep files open that somebody has deleted".into())
                .all_seen(deleted.iter().filter_map(tell))
                .mend("start those programs again: the space is free then (logs are emptied by `truncate -s 0`, not by rm)")
        } else {
            let cause = large.first().map_or("it is too small for what it holds".into(), |first| format!("most of it: {first}"));
            let found = found("disk.full", cause)
                .all_seen(&large)
                .mend("take away what is not needed (`journalctl --vacuum-size=200M`, packages that apt keeps), rotate logs, or enlarge the disk");
            match mount {
                "/" | "/var" => found.safe("apt-get clean"),
                _ => found,
            }
        });
    }
    if let Some((all, taken)) = disk.inodes
        && let Some((gravity, what)) = graded(percent(taken, all), "the inodes")
    {
        let many = seen
            .text("many", mount)
            .lines()
            .filter_map(|line| line.split_once('\t'));
        let many: Vec<String> = many
            .take(4)
            .map(|(count, path)| format!("{path} has {count} files and directories"))
            .collect();
        let cause = many
            .first()
            .map_or("there are too many small files".into(), |first| {
                format!("too many files: {first}")
            });
        findings.push(
            Finding::new("disk.inodes", gravity, what, cause)
                .seen(format!(
                    "{taken} of {all} are taken, and {} are left of the space",
                    mb(&disk.avail.to_string())
                ))
                .all_seen(&many)
                .mend("take away what makes so many files (sessions, caches, mail in a queue)"),
        );
    }
    findings
}

fn bytes(line: &str) -> u64 {
    line.split([' ', '\t'])
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or_default()
}

fn mb(bytes: &str) -> String {
    let bytes: u64 = bytes.trim().parse().unwrap_or_default();
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

fn memory(seen: &Seen) -> Vec<Finding> {
    let system = &seen.status.system;
    let mut findings = Vec::new();
    let left = system.memory.total.saturating_sub(system.memory.used);
    let swap_left = system.swap.total.saturating_sub(system.swap.used);
    if system.memory.total > 0
        && left * 100 < system.memory.total * 4
        && swap_left * 10 < system.swap.total.max(1)
    {
        let largest = system.largest.iter().take(3);
        findings.push(
            Finding::new(
                "memory.used-up",
                Gravity::Failing,
                "memory is nearly used up",
                "what runs takes more than there is",
            )
            .seen(format!(
                "{} are left of {}",
                mb(&left.to_string()),
                mb(&system.memory.total.to_string())
            ))
            .all_seen(largest.map(|process| {
                format!(
                    "{} (pid {}) takes {}",
                    process.name,
                    process.pid,
                    mb(&process.memory.to_string())
                )
            }))
            .mend("let the largest take less, or give the host more memory or swap"),
        );
    }
    let killed: Vec<&str> = seen
        .first("oom")
        .lines()
        .filter(|line| line.contains("Out of memory: Killed"))
        .collect();
    if let Some(last) = killed.last() {
        findings.push(
            Finding::new(
                "memory.killed",
                Gravity::Failing,
                "the kernel has killed a process in the last day",
                "memory had run out",
            )
            .seen(last)
            .mend("let it take less, or give the host more memory or swap"),
        );
    }
    findings
}

fn clock(seen: &Seen) -> Option<Finding> {
    let text = seen.first("clock");
    let theirs: u64 = value(text, "time")?.parse().ok()?;
    let (here, took) = seen.here.now?;
    // The host has looked at its clock between our question and its answer.
    let (earliest, latest) = (here.saturating_sub(took), here);
    let off = match theirs {
        _ if theirs < earliest => earliest - theirs,
        _ => theirs.saturating_sub(latest),
    };
    if off <= OFF {
        return None;
    }
    let way = if theirs < earliest { "behind" } else { "ahead of" };
    let units: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("LoadState=loaded"))
        .collect();
    let runs = units.iter().any(|line| line.contains("ActiveState=active"));
    let finding = |cause: &str| {
        Finding::new(
            "clock.wrong",
            Gravity::Failing,
            format!("the clock is {} {way} this machine's", span(off)),
            cause,
        )
        .all_seen(text.lines().filter(|line| line.starts_with("NTPSynchronized=")))
    };
    Some(match (units.first(), runs, value(text, "NTPSynchronized")) {
        (None, ..) => finding("nothing sets it: there is no NTP client")
            .mend("have one: `apt-get install systemd-timesyncd`"),
        (Some(_), false, _) => finding("the NTP client does not run")
            .all_seen(&units)
            .mend("switch it on")
            .safe("timedatectl set-ntp true"),
        (_, _, Some("yes")) => {
            finding("one of the two clocks is wrong, and the host's is in step with its servers")
                .mend("see this machine's clock, and the host's `timedatectl timesync-status`")
        }
        _ => finding("the NTP client runs and reaches no server")
            .all_seen(&units)
            .mend("let UDP port 123 out, or name servers that can be reached (/etc/systemd/timesyncd.conf)"),
    })
}
