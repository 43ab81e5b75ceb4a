//! This machine as a provider: its machines are throwaway hosts that stay, and cost nothing.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use tokio::task::spawn_blocking;

use super::error::ProviderError;
use super::machine::{Machine, State, Which};
use super::offer::{Answer, Image, Order, Plan, Provider, Region};
use crate::host::rehearsal::{
    Base, BootOptions, Kept, Rehearsal, RehearsalError, cloud_image, image, kept, remove_kept,
};

/// Its name on the command line.
pub(super) const NAME: &str = "rehearsal";
/// The one region and the one plan.
const HERE: &str = "here";

/// The machine that this program runs on.
pub(super) struct ThisMachine;

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RehearsalError> + Send + 'static,
) -> Result<T, ProviderError> {
    let done = spawn_blocking(work).await;
    let ended = |error: tokio::task::JoinError| ProviderError::Unreadable {
        provider: "this machine",
        what: "boot a throwaway host".into(),
        cause: error.to_string(),
    };
    Ok(done.map_err(ended)??)
}

impl Provider for ThisMachine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "this machine"
    }

    fn default_image(&self) -> Result<String, ProviderError> {
        Ok(Base::of_this_machine()?.suite().to_owned())
    }

    fn plans(&self) -> Answer<'_, Vec<Plan>> {
        Box::pin(async {
            let (memory, disk) = (memory(), disk());
            Ok(vec![Plan {
                id: HERE.into(),
                cpus: available_parallelism()
                    .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
                memory,
                disk,
                traffic: 0,
                monthly: 0.0,
                regions: vec![HERE.into()],
            }])
        })
    }

    fn regions(&self) -> Answer<'_, Vec<Region>> {
        let region = Region {
            id: HERE.into(),
            city: "this machine".into(),
            country: String::new(),
        };
        Box::pin(async { Ok(vec![region]) })
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        Box::pin(async {
            let suite = self.default_image()?;
            Ok(vec![Image {
                id: suite.clone(),
                short: suite.clone(),
                name: format!("{suite}, as this machine's archives have it"),
            }])
        })
    }

    fn machines<'a>(&'a self, which: Which<'a>) -> Answer<'a, Vec<Machine>> {
        Box::pin(async move {
            let machines = blocking(kept).await?.into_iter().map(machine);
            Ok(machines.filter(|machine| which.has(machine)).collect())
        })
    }

    fn machine<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Machine>> {
        Box::pin(async move { Ok(self.machines(Which::Label(id)).await?.pop()) })
    }

    fn create<'a>(&'a self, order: &'a Order) -> Answer<'a, Machine> {
        let order = order.clone();
        Box::pin(async move {
            let boot = move || {
                let quiet = &mut |_: &str| {};
                let base = image(&Base::of_this_machine()?.with_suite(&order.image), quiet)?;
                let options = BootOptions {
                    name: Some(order.label),
                    user_data: Some(order.user_data),
                    note: Some(order.tags.join(" ")),
                };
                Rehearsal::boot(&cloud_image(&base, quiet)?, &options)?.keep()
            };
            // It is just being switched on: whether it runs shows when it is asked for.
            Ok(Machine {
                state: State::Pending,
                ..machine(blocking(boot).await?)
            })
        })
    }

    fn forget_user_data<'a>(&'a self, _: &'a Machine) -> Answer<'a, ()> {
        // It stands on the host's own disk, where only root reads it, as its host key does.
        Box::pin(async { Ok(()) })
    }

    fn destroy<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        let name = machine.id.clone();
        Box::pin(blocking(move || remove_kept(&name)))
    }
}

fn machine(kept: Kept) -> Machine {
    Machine {
        id: kept.name.clone(),
        label: kept.name,
        tags: kept.note.split_whitespace().map(str::to_owned).collect(),
        region: HERE.into(),
        plan: HERE.into(),
        image: String::new(),
        address: Some(kept.address.into()),
        state: match kept.runs {
            true => State::Running,
            false => State::Stopped("stopped".into()),
        },
        created: String::new(),
        password: None,
    }
}

/// This machine's memory, in MiB (proc(5), /proc/meminfo).
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

/// What is free where hosts live, in GB.
fn disk() -> u64 {
    let free = rustix::fs::statvfs(Path::new("/var/cache")).map(|disk| disk.f_bavail * disk.f_frsize);
    free.unwrap_or_default() / 1_000_000_000
}
