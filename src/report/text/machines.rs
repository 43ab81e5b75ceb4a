//! Machines: what there is as tables, how one is had, what it is and costs.

use std::net::IpAddr;

use anstyle::{AnsiColor, Style};

use crate::change::counted;
use crate::host::provider::{Image, Plan, Region, State};
use crate::operations::provision::{Event, Known, Offer, Priced, Remains, Up};

const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

/// US dollars a month.
fn price(monthly: f64) -> String {
    format!("${monthly:.2} a month")
}

/// MiB as a person says them.
fn memory(mebibytes: u64) -> String {
    match mebibytes {
        0..1024 => format!("{mebibytes} MB"),
        _ if mebibytes.is_multiple_of(1024) => format!("{} GB", mebibytes / 1024),
        #[allow(clippy::cast_precision_loss, reason = "one digit is shown")]
        _ => format!("{:.1} GB", mebibytes as f64 / 1024.0),
    }
}

/// Rows under a head, each column as wide as its widest cell; those of `right` stand at the right.
fn table(head: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match right.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut text = format!("{BOLD}{}{BOLD:#}\n", line(&mut head.iter().copied()));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
        text.push('\n');
    }
    text
}

/// The plans.
pub fn plans(plans: &[Plan]) -> String {
    let row = |plan: &Plan| {
        vec![
            plan.id.clone(),
            format!("${:.2}", plan.monthly),
            plan.cpus.to_string(),
            memory(plan.memory),
            format!("{} GB", plan.disk),
            format!("{} GB", plan.traffic),
            plan.regions.join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = plans.iter().map(row).collect();
    let head = ["PLAN", "A MONTH", "CPUS", "MEMORY", "DISK", "TRAFFIC", "REGIONS"];
    table(&head, &[1, 2, 3, 4, 5], &rows)
}

/// The regions.
pub fn regions(regions: &[Region]) -> String {
    let row = |region: &Region| vec![region.id.clone(), region.city.clone(), region.country.clone()];
    let rows: Vec<Vec<String>> = regions.iter().map(row).collect();
    table(&["REGION", "CITY", "COUNTRY"], &[], &rows)
}

/// The images.
pub fn images(images: &[Image]) -> String {
    let row = |image: &Image| vec![image.short.clone(), image.id.clone(), image.name.clone()];
    let rows: Vec<Vec<String>> = images.iter().map(row).collect();
    table(&["IMAGE", "ID", "NAME"], &[], &rows)
}

/// The machines with their prices, and the sum.
pub fn machines(machines: &[Priced]) -> String {
    if machines.is_empty() {
        return "There are no machines.\n".into();
    }
    let row = |Priced { machine, monthly }: &Priced| {
        vec![
            machine.label.clone(),
            state(&machine.state).to_owned(),
            address(machine.address, "-"),
            monthly.map_or("?".into(), |price| format!("${price:.2}")),
            machine.plan.clone(),
            machine.region.clone(),
            if machine.is_ours() { "yes" } else { "no" }.to_owned(),
            machine.id.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = machines.iter().map(row).collect();
    let head = [
        "LABEL", "STATE", "ADDRESS", "A MONTH", "PLAN", "REGION", "OURS", "ID",
    ];
    let sum: f64 = machines.iter().filter_map(|priced| priced.monthly).sum();
    format!(
        "{}{DIM}In all {}.{DIM:#}\n",
        table(&head, &[3], &rows),
        price(sum)
    )
}

fn state(state: &State) -> &str {
    match state {
        State::Pending => "pending",
        State::Running => "running",
        State::Stopped(words) => words,
    }
}

fn address(address: Option<IpAddr>, none: &str) -> String {
    address.map_or(none.to_owned(), |address| address.to_string())
}

fn cost(monthly: Option<f64>) -> String {
    monthly.map_or("an unknown price".into(), price)
}

/// Names and values, one a line.
fn listed(mut facts: Vec<(&str, String)>) -> String {
    facts.retain(|(_, value)| !value.is_empty());
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| format!("  {name:width$}  {value}\n");
    facts.iter().map(line).collect()
}

/// One machine.
pub fn shown(known: &Known) -> String {
    let Priced { machine, monthly } = &known.priced;
    let password = known
        .password
        .as_ref()
        .map(|file| format!("in {}", file.display()));
    let facts = vec![
        ("id", machine.id.clone()),
        ("state", state(&machine.state).to_owned()),
        ("address", address(machine.address, "none yet")),
        ("plan", machine.plan.clone()),
        ("region", machine.region.clone()),
        ("image", machine.image.clone()),
        ("created", machine.created.clone()),
        ("tags", machine.tags.join(" ")),
        ("fingerprint", known.fingerprint.clone().unwrap_or_default()),
        ("password", password.unwrap_or_default()),
        ("cost", cost(*monthly)),
    ];
    format!("{BOLD}{}{BOLD:#}\n{}", machine.label, listed(facts))
}

/// A machine that runs as its playbook says.
pub fn up(up: &Up) -> String {
    let Priced { machine, monthly } = &up.known.priced;
    let facts = vec![
        ("address", address(machine.address, "")),
        ("url", up.url.clone().unwrap_or_default()),
        ("ssh", up.enter.clone()),
        ("fingerprint", up.known.fingerprint.clone().unwrap_or_default()),
        (
            "cost",
            format!("{} ({} in {})", cost(*monthly), machine.plan, machine.region),
        ),
    ];
    format!("\n{BOLD}{}{BOLD:#} is up:\n{}", machine.label, listed(facts))
}

/// A machine that is gone.
pub fn destroyed(Priced { machine, monthly }: &Priced) -> String {
    let (label, id) = (&machine.label, &machine.id);
    let saved = monthly.map_or(String::new(), |monthly| format!(" It cost {}.", price(monthly)));
    format!("Destroyed {label} ({id}).{saved}\n")
}

/// What exists, and what to do about it.
pub fn remains(remains: &Remains) -> String {
    let Remains {
        label,
        machine,
        monthly,
        flags,
    } = remains;
    let (cost, destroy) = (cost(*monthly), format!("`hostwright vm destroy {label}{flags}`"));
    match machine {
        Some(machine) => format!(
            "The machine {label} exists ({}, {}) and costs {cost}. Run the same again to go on with it; {destroy} ends it.\n",
            machine.id,
            address(machine.address, "no address yet"),
        ),
        None => format!(
            "An order for {label} ({cost}) was sent, and it is not known what became of it. Run the same again: it looks \
             for the machine before it orders another. `hostwright vm list{flags}` shows what there is; {destroy} ends it.\n"
        ),
    }
}

/// What is about to be bought.
fn offer(offer: &Offer) -> String {
    let Offer {
        label,
        provider,
        plan,
        region,
        image,
    } = offer;
    let cpus = counted(plan.cpus as usize, "CPU");
    let size = format!("{cpus}, {} memory, {} GB disk", memory(plan.memory), plan.disk);
    let place = [region.city.as_str(), &region.country];
    let place: Vec<&str> = place.into_iter().filter(|text| !text.is_empty()).collect();
    let facts = vec![
        ("plan", format!("{} ({size})", plan.id)),
        ("region", format!("{} ({})", region.id, place.join(", "))),
        ("image", image.name.clone()),
        (
            "cost",
            format!("{}, from now until it is destroyed", price(plan.monthly)),
        ),
    ];
    format!(
        "There is no machine {BOLD}{label}{BOLD:#} yet. The order to {provider}:\n{}",
        listed(facts)
    )
}

/// What happens while a machine is had; nothing where there is nothing to say.
pub fn event(event: &Event) -> Option<String> {
    match event {
        Event::Offer(made) => Some(offer(made).trim_end().to_owned()),
        Event::KeyMade { file } => Some(format!(
            "There was no SSH key to log in with: made {}.",
            file.display()
        )),
        Event::OrderUnclear { cause } => Some(format!("{cause}; looking whether the order was taken")),
        Event::Awaits { what } => Some(format!("  waiting for {what}")),
        Event::Reached { what, seconds } => {
            Some(format!("{GREEN}✓{GREEN:#} {what} {DIM}{seconds:.1} s{DIM:#}"))
        }
        Event::Odd { .. } | Event::Ordered { .. } | Event::OrderRefused | Event::Machine(_) | Event::Gone => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_stand_in_columns() {
        let plan = |id: &str, monthly: f64, memory: u64| Plan {
            id: id.into(),
            cpus: 1,
            memory,
            disk: 25,
            traffic: 1024,
            monthly,
            regions: vec!["ams".into(), "sgp".into()],
        };
        let text = plans(&[plan("vc2-1c-0.5gb", 3.5, 512), plan("vc2-1c-2gb", 10.0, 2048)]);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "PLAN          A MONTH  CPUS  MEMORY   DISK  TRAFFIC  REGIONS\n\
             vc2-1c-0.5gb    $3.50     1  512 MB  25 GB  1024 GB  ams sgp\n\
             vc2-1c-2gb     $10.00     1    2 GB  25 GB  1024 GB  ams sgp\n"
        );
        assert_eq!(memory(1536), "1.5 GB");
    }
}
