//! How a host fares, as one screen.

use std::fmt::Write;

use super::backups;
use super::history::{author, time};
use super::table::{size, span, table};
use crate::change::counted;
use crate::operations::status::{
    Disk, Firewall, Job, Monitor, Program, Runner, Site, Space, Status, System, Updates,
};

/// A certificate that ends in fewer days than this should have been renewed: certbot does it 30 days before.
const SOON: i64 = 21;

/// So much of a job's command is shown.
const COMMAND: usize = 48;

pub(super) fn text(status: &Status) -> String {
    let mut text = String::new();
    let now = status.system.now;
    system(&mut text, status);
    for (runner, title) in [(Runner::Supervisor, "Programs"), (Runner::Systemd, "Units")] {
        let programs = status.programs.iter().filter(|program| program.runner == runner);
        table(
            &mut text,
            title,
            programs.map(|each| program(each, now)).collect(),
        );
    }
    table(&mut text, "Sites", status.sites.iter().map(site).collect());
    table(
        &mut text,
        "Cron",
        status.jobs.iter().map(|each| job(each, now)).collect(),
    );
    table(
        &mut text,
        "Failed units",
        status
            .failed
            .iter()
            .map(|unit| vec![format!("✗ {unit}")])
            .collect(),
    );
    let monitors = status.monitors.iter().map(|each| monitor(each, now));
    table(&mut text, "Monitors", monitors.collect());
    let backups = status.backups.iter().map(|backup| backups::row(backup, now));
    table(&mut text, "Backups", backups.collect());
    let generations = status.generations.iter().map(|kept| {
        let (number, made) = (format!("{} of {}", kept.number, kept.playbook), &kept.generation);
        vec![number, time(made.at), format!("by {}", author(&made.by))]
    });
    table(&mut text, "Generations", generations.collect());
    text.trim_end().to_owned()
}

fn system(text: &mut String, status: &Status) {
    let System {
        hostname,
        release,
        kernel,
        uptime,
        processors,
        load: [one, five, fifteen],
        memory,
        swap,
        disks,
        largest,
        reboot_required,
        ..
    } = &status.system;
    let _ = writeln!(
        text,
        "{}: {hostname}, {release}, kernel {kernel}, up {}",
        status.host,
        span(*uptime)
    );
    let mut line = |name: &str, said: String| {
        let _ = writeln!(text, "  {name:<8} {said}");
    };
    let processors = counted(*processors as usize, "processor");
    line("load", format!("{one:.2} {five:.2} {fifteen:.2} on {processors}"));
    line("memory", used(memory));
    match swap.total {
        0 => line("swap", "none".into()),
        _ => line("swap", used(swap)),
    }
    for disk in disks {
        let Disk { mount, space, inodes } = disk;
        let inodes = inodes.map_or(String::new(), |inodes| {
            format!(", {} % of its inodes", percent(&inodes))
        });
        line("disk", format!("{mount}  {}{inodes}", used(space)));
    }
    let largest = largest
        .iter()
        .map(|process| format!("{} {}", process.name, size(process.memory)));
    line("largest", largest.collect::<Vec<_>>().join(", "));
    line("firewall", firewall(&status.firewall));
    line("updates", updates(status.updates));
    if *reboot_required {
        line("reboot", "required: an update takes effect only then".into());
    }
}

fn updates(updates: Option<Updates>) -> String {
    match updates {
        None => "apt does not say".into(),
        Some(Updates { waiting: 0, .. }) => "none wait".into(),
        Some(Updates { waiting, security: 0 }) => format!("{} to upgrade", counted(waiting, "package")),
        Some(Updates { waiting, security }) => {
            format!(
                "{} to upgrade, {security} for security",
                counted(waiting, "package")
            )
        }
    }
}

fn firewall(firewall: &Firewall) -> String {
    let Firewall {
        tool,
        active,
        incoming,
        rules,
    } = firewall;
    let Some(tool) = tool else {
        return "none".into();
    };
    if !active {
        return format!("{tool} is enabled, and the kernel has none of its rules");
    }
    let rules = match rules.is_empty() {
        true => "no rules".to_owned(),
        false => rules.join(", "),
    };
    format!("{tool}: {rules}; {incoming} the rest")
}

fn job(job: &Job, now: u64) -> Vec<String> {
    let ran = job
        .ran
        .map(|at| format!("ran {} ago", span(now.saturating_sub(at))));
    let (mark, result) = match (job.ran, job.status) {
        (None, _) => ('-', String::new()),
        (_, None) => ('-', "cron logs no results".to_owned()),
        (_, Some(0)) => ('✓', "went well".to_owned()),
        (_, Some(status)) => ('✗', format!("failed with {status}")),
    };
    let short: String = job.command.chars().take(COMMAND).collect();
    let dots = if short.len() < job.command.len() {
        "…"
    } else {
        ""
    };
    vec![
        format!("{mark} {}", job.schedule),
        job.user.clone(),
        format!("{short}{dots}"),
        ran.unwrap_or_else(|| "not in the log".into()),
        result,
    ]
}

fn program(program: &Program, now: u64) -> Vec<String> {
    let mark = match (program.failed, &*program.state) {
        (true, _) => '✗',
        (false, state) if state.starts_with("active") || state == "running" => '✓',
        (false, _) => '-',
    };
    let since = program
        .since
        .map(|since| format!("for {}", span(now.saturating_sub(since))));
    let restarts = program
        .restarts
        .map(|count| counted(usize::try_from(count).unwrap_or(usize::MAX), "restart"));
    vec![
        format!("{mark} {}", program.name),
        program.state.clone(),
        since.unwrap_or_default(),
        program.memory.map(size).unwrap_or_default(),
        restarts.unwrap_or_default(),
        program.listens.join(" "),
    ]
}

fn site(site: &Site) -> Vec<String> {
    let certificate = match site.days {
        None if site.certificates.is_empty() => "no certificate".to_owned(),
        None => format!("the certificate {} cannot be read", site.certificates.join(", ")),
        Some(days) if days < 0 => "its certificate has ended".to_owned(),
        Some(days) => format!(
            "its certificate ends in {}",
            counted(usize::try_from(days).unwrap_or_default(), "day")
        ),
    };
    let mark = match site.days {
        Some(days) if days < SOON => '✗',
        None if !site.certificates.is_empty() => '✗',
        _ => '✓',
    };
    vec![
        format!("{mark} {}", site.name),
        site.server_names.join(" "),
        certificate,
    ]
}

fn monitor(monitor: &Monitor, now: u64) -> Vec<String> {
    let Monitor {
        name,
        program,
        asked,
        failures,
        restarts,
    } = monitor;
    let (mark, said) = match (failures, &**program) {
        (0, "") => ('✓', String::new()),
        (0, program) => ('✓', format!("{program} is well")),
        (failures, program) => {
            let restarts = counted(*restarts as usize, "restart");
            (
                '✗',
                format!("{program} is not well, {failures} in a row, {restarts}"),
            )
        }
    };
    let asked = format!("asked {} ago", span(now.saturating_sub(*asked)));
    vec![format!("{mark} {name}"), said, asked]
}

fn used(space: &Space) -> String {
    format!(
        "{} of {} ({} %)",
        size(space.used),
        size(space.total),
        percent(space)
    )
}

fn percent(space: &Space) -> u64 {
    (u128::from(space.used) * 100 / u128::from(space.total.max(1))) as u64
}
