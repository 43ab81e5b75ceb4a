//! Sites that answer slowly.

use super::finding::{Finding, Gravity};
use super::seen::{Seen, value};
use super::sites::upstreams;

/// An answer that takes longer is slow, in milliseconds.
const SLOW: u64 = 2000;

/// In percent of the time: so long do programs that wait for a processor, for memory, or for a disk make others slow
/// (Documentation/accounting/psi.rst, `some avg10`).
const PROCESSORS: f64 = 60.0;
const MEMORY: f64 = 10.0;
const DISKS: f64 = 30.0;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let slow = seen.all("conf").filter_map(|(site, conf)| {
        let answer = seen.answer("answer", site)?;
        // One that fails is told of otherwise.
        answer.status.ok().filter(|status| *status < 500)?;
        (answer.millis > SLOW).then(|| explained(seen, site, conf, answer.millis))
    });
    slow.collect()
}

/// How long somebody has waited for it in the last ten seconds, in percent.
fn pressure(seen: &Seen, of: &str) -> f64 {
    let some = seen
        .text("pressure", of)
        .lines()
        .find_map(|line| line.strip_prefix("some avg10="));
    let number = some.and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_default()
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

fn explained(seen: &Seen, site: &str, conf: &str, millis: u64) -> Finding {
    let what = format!("{site} answers slowly: after {}", seconds(millis));
    let finding = |kind, cause: String| Finding::new(kind, Gravity::Failing, &*what, cause);
    let [memory, disks, processors] = ["memory", "io", "cpu"].map(|of| pressure(seen, of));
    let share = |of: &str, percent: f64| format!("programs wait for {of} {percent:.0} % of the time");
    if memory > MEMORY {
        let largest = seen.status.system.largest.iter().take(3);
        return finding("slow.memory", "the host is short of memory".into())
            .seen(share("memory", memory))
            .all_seen(
                largest.map(|process| format!("{} takes {} MB", process.name, process.memory / 1_000_000)),
            )
            .mend("let the largest take less, or give the host more memory");
    }
    if disks > DISKS {
        return finding("slow.disk", "the disk is too busy".into())
            .seen(share("a disk", disks))
            .mend("see who reads and writes (`pidstat -d 1`, `iotop`)");
    }
    let upstream = seen.all("exchange").find_map(|(name, text)| {
        let took: u64 = value(text, "millis")?.parse().ok()?;
        (took > SLOW / 2).then_some((name, value(text, "url")?, took))
    });
    let direct = upstreams(conf)
        .into_iter()
        .find_map(|address| Some((seen.answer("direct", &address)?.millis, address)));
    if processors > PROCESSORS {
        let busy = seen.first("busy").lines().filter_map(|line| {
            let mut parts = line.split('\t');
            let (share, pid, name) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!("{name} (pid {pid}) uses {share} % of a processor"))
        });
        return finding("slow.processors", "the processors are too busy".into())
            .seen(share("a processor", processors))
            .all_seen(busy.take(3))
            .mend("let the busiest do less, or give the host more processors");
    }
    if let Some((name, url, took)) = upstream {
        return finding(
            "slow.upstream",
            format!("{url}, which its program asks ({name}), is slow"),
        )
        .seen(format!("asked from the host, it took {}", seconds(took)))
        .mend("keep its answers for a while, and ask another of its hosts");
    }
    match direct {
        Some((took, address)) if took * 5 > millis * 4 => {
            finding("slow.program", format!("the program at {address} is slow itself"))
                .seen(format!("asked directly, it took {}", seconds(took)))
                .mend(
                    "its log says what it does meanwhile; the host has processors, memory and disks to spare",
                )
        }
        _ => finding("slow.site", "it is slow in nginx, and not behind it".into())
            .mend("see its limits (limit_req, limit_rate), and what its names resolve to"),
    }
}
