//! `hostwright vm`: machines, and what can be ordered.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::Exit;
use super::common::{boxed, shown};
use super::machine::{OrderArgs, ProviderArgs, accounted};
use super::prompt::typed;
use crate::host::provider::{Provider, Record, Which};
use crate::language::PlaybookError;
use crate::operations::event::Event;
use crate::operations::provision::{Priced, known, named};
use crate::report::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Write JSON, a line for each thing that happens (`hostwright schema --output` describes it)
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// What sorts of machines there are, and what they cost
    Plans {
        /// Only those that this region has
        #[arg(long)]
        region: Option<String>,
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// Where machines can stand
    Regions {
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// What machines can begin with
    Images {
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// The machines there are, and what they cost
    List {
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// One machine
    Show {
        /// Its label, or its id
        label: String,
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// Order a machine, and wait until it can be used
    Create {
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Remove a machine and all that is on it
    Destroy {
        /// Its label, or its id
        label: String,
        /// The label once more: destroy without asking for it
        #[arg(long, value_name = "LABEL")]
        confirm: Option<String>,
        #[command(flatten)]
        provider: ProviderArgs,
    },
}

pub(super) async fn run(args: &Args) -> Exit {
    let view = match args.json {
        true => View::json("vm"),
        false => View::text(false, false),
    };
    shown(view, async |view| answer(&args.command, view).await).await
}

async fn answer(command: &Command, view: &mut View) -> Exit {
    match command {
        Command::Plans { region, provider } => {
            let mut plans = provider.get()?.plans().await.map_err(boxed)?;
            if let Some(region) = region {
                plans.retain(|plan| plan.regions.contains(region));
            }
            plans.sort_by(|a, b| a.monthly.total_cmp(&b.monthly).then_with(|| a.id.cmp(&b.id)));
            view.event(&Event::Plans { plans: &plans });
        }
        Command::Regions { provider } => {
            let regions = provider.get()?.regions().await.map_err(boxed)?;
            view.event(&Event::Regions { regions: &regions });
        }
        Command::Images { provider } => {
            let images = provider.get()?.images().await.map_err(boxed)?;
            view.event(&Event::Images { images: &images });
        }
        Command::List { provider } => {
            let provider = provider.get()?;
            let (found, plans) =
                tokio::try_join!(provider.machines(Which::All), provider.plans()).map_err(boxed)?;
            let priced = found.into_iter().map(|machine| Priced::new(machine, &plans));
            let machines: Vec<Priced> = priced.collect();
            view.event(&Event::Machines { machines: &machines });
        }
        Command::Show { label, provider } => {
            let provider = provider.get()?;
            let (machine, plans) =
                tokio::try_join!(named(&*provider, label), provider.plans()).map_err(boxed)?;
            view.event(&Event::Shown(&known(&*provider, Priced::new(machine, &plans))));
        }
        Command::Create { order } => return create(order, view).await,
        Command::Destroy {
            label,
            confirm,
            provider,
        } => return destroy(&*provider.get()?, label, confirm.as_deref(), view).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(order: &OrderArgs, view: &mut View) -> Exit {
    order.refuse_unasked("vm create", view)?;
    let provider = order.provider.get()?;
    accounted(&order.label, &*provider, view, async |ledger, view| {
        match order.machine(&*provider, "Order it?", ledger, view).await? {
            Some(usable) => view.event(&Event::Shown(&usable.known)),
            None => anstream::println!("Nothing was ordered."),
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn destroy(provider: &dyn Provider, name: &str, confirm: Option<&str>, view: &mut View) -> Exit {
    let (machine, plans) = tokio::try_join!(named(provider, name), provider.plans()).map_err(boxed)?;
    let label = machine.label.clone();
    let priced = Priced::new(machine, &plans);
    let typed = match confirm {
        Some(typed) => typed.to_owned(),
        None if std::io::stdin().is_terminal() && !view.is_for_programs() => {
            view.event(&Event::Shown(&known(provider, priced.clone())));
            typed("\nAll that is on it will be lost. Type its label to destroy it:")
        }
        None => {
            return Err(boxed(PlaybookError::plain(
                "vm destroy asks for the label to be typed, and there is no terminal to ask on",
                format!("give --confirm {label} to destroy it without being asked"),
            )));
        }
    };
    if typed != label {
        return Err(boxed(PlaybookError::plain(
            format!("`{typed}` is not the label of this machine, which is `{label}`: nothing was destroyed"),
            "type the label as it stands there",
        )));
    }
    provider.destroy(&priced.machine).await.map_err(boxed)?;
    // Another machine may have the label of one that is destroyed by its id.
    if let Some(record) = Record::of(provider.name(), &label).filter(|record| record.is_of(&priced.machine)) {
        record.forget().map_err(boxed)?;
    }
    view.event(&Event::Destroyed(&priced));
    Ok(ExitCode::SUCCESS)
}
