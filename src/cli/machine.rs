//! What `up` and `vm create` share: an order, and what exists when it does not reach its end.

use std::path::PathBuf;
use std::process::ExitCode;

use super::common::boxed;
use super::prompt::{confirmed, is_interactive};
use super::{Exit, Failure};
use crate::host::provider::{self, Provider, Record, own_key, quote};
use crate::host::ssh::{Options, own_keys};
use crate::language::PlaybookError;
use crate::operations::event::Event as Happening;
use crate::operations::interrupts::Interrupts;
use crate::operations::provision::{
    Event, Known, Ledger, Offer, Priced, find, known, order, refuse_another, usable,
};
use crate::report::View;
use crate::transaction::run::Access;

/// Who hands machines out.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ProviderArgs {
    /// Who hands machines out; `rehearsal` is this machine itself
    #[arg(long, value_name = "NAME", default_value = provider::NAMES[0], value_parser = provider::NAMES)]
    provider: String,
}

impl ProviderArgs {
    pub fn get(&self) -> Result<Box<dyn Provider>, Failure> {
        provider::by_name(&self.provider).map_err(boxed)
    }
}

/// Which machine is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct OrderArgs {
    /// What the machine is called: its label, its host name, and what finds it again
    #[arg(long)]
    pub label: String,
    /// Where it stands; `vm regions` lists them
    #[arg(long)]
    region: String,
    /// What sort it is; `vm plans` lists them, with prices
    #[arg(long)]
    plan: String,
    /// What it begins with; `vm images` lists them
    #[arg(long)]
    image: Option<String>,
    /// Log in with this key file; without one, with the keys that ssh would use
    #[arg(short, long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read and write host keys in this file instead of ~/.ssh/known_hosts
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
    /// Trust and remember the key of a machine that was ordered elsewhere
    #[arg(long)]
    accept_new: bool,
    /// Order without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub provider: ProviderArgs,
}

/// A machine that can be used.
pub(super) struct Usable {
    pub known: Known,
    pub access: Access,
    /// It was not there before.
    pub is_new: bool,
    /// Nobody else on this machine changes what is remembered of it while this lives.
    _record: Record,
}

impl OrderArgs {
    /// Refuses to spend money unasked.
    pub fn refuse_unasked(&self, what: &str, view: &View) -> Result<(), Failure> {
        match self.yes || (is_interactive() && !view.is_for_programs()) {
            true => Ok(()),
            false => Err(boxed(PlaybookError::plain(
                format!("{what} asks before it orders a machine, and there is no terminal to ask on"),
                "give --yes to order without asking",
            ))),
        }
    }

    /// Finds the machine or orders it, and waits until it can be used. None if somebody said no.
    pub async fn machine(
        &self,
        provider: &dyn Provider,
        question: &str,
        ledger: &mut Ledger,
        view: &mut View,
    ) -> Result<Option<Usable>, Failure> {
        let record = Record::open(provider.name(), &self.label).map_err(boxed)?;
        let (found, plans) =
            tokio::try_join!(find(provider, &self.label), provider.plans()).map_err(boxed)?;
        let options = Options {
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            accept_new: self.accept_new,
            ..Options::default()
        };
        let is_new = found.is_none();
        if let Some(machine) = &found {
            refuse_another(provider, machine, &self.region, &self.plan).map_err(boxed)?;
            ledger.found(&Priced::new(machine.clone(), &plans));
        }
        let mut tell = |event: &Event| {
            ledger.note(event);
            view.event(&Happening::Machine(event));
        };
        let machine = match found {
            Some(machine) => machine,
            None => {
                let quote = quote(provider, &plans, &self.region, &self.plan, self.image.as_deref());
                let quote = quote.await.map_err(boxed)?;
                let authorized = self.keys(&options).await?;
                tell(&Event::Offer(Offer {
                    label: self.label.clone(),
                    provider: provider.title().to_owned(),
                    plan: quote.plan.clone(),
                    region: quote.region.clone(),
                    image: quote.image.clone(),
                }));
                if !self.yes && !confirmed(question).await {
                    // An order of before may still come true.
                    if record.open_order().is_none() {
                        record.forget().map_err(boxed)?;
                    }
                    return Ok(None);
                }
                let authorized = match authorized {
                    Some(keys) => keys,
                    None => {
                        let home = std::env::home_dir().unwrap_or_else(|| "/".into());
                        let (file, public) = own_key(&home).map_err(boxed)?;
                        tell(&Event::KeyMade { file });
                        vec![public]
                    }
                };
                let ordered = order(provider, &record, &self.label, &quote, &authorized, &mut tell);
                ordered.await.map_err(boxed)?
            }
        };
        let access = usable(provider, machine, &record, options, &mut tell)
            .await
            .map_err(boxed)?;
        Ok(ledger.priced().map(|priced| Usable {
            known: known(provider, priced),
            access,
            is_new,
            _record: record,
        }))
    }

    /// The keys to let in; none if this user has no key.
    async fn keys(&self, options: &Options) -> Result<Option<Vec<String>>, Failure> {
        let keys = own_keys(options).await.map_err(boxed)?;
        Ok((!keys.is_empty()).then_some(keys))
    }
}

/// The person who waits has had enough.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("interrupted")]
struct Interrupted;

/// Does `work`; whatever ends it early, it is said what exists and what it costs.
pub(super) async fn accounted(
    label: &str,
    provider: &dyn Provider,
    view: &mut View,
    work: impl AsyncFnOnce(&mut Ledger, &mut View) -> Exit,
) -> Exit {
    let mut interrupts = Interrupts::listen().map_err(boxed)?;
    let mut ledger = Ledger::default();
    let done = tokio::select! {
        done = work(&mut ledger, view) => done,
        () = interrupts.next() => Err(boxed(Interrupted)),
    };
    let (Err(error), Some(remains)) = (&done, ledger.remains(label, provider)) else {
        return done;
    };
    view.error(error.as_ref());
    view.event(&Happening::Remains(&remains));
    Ok(ExitCode::FAILURE)
}
