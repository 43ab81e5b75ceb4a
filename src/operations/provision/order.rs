//! An order, given once however often its answer is lost.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::ProvisionError;
use super::event::{Event, Observe};
use super::find::one;
use crate::host::provider::{
    Machine, OURS, Order, Provider, ProviderError, Quote, Record, Taken, Which, pause, user_data,
};

/// How long an order whose answer was lost may take to show in the list.
const SETTLE: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(3);
/// How often an order is given.
const ORDERS: u32 = 4;

/// Orders a machine for `label`, which has none. However often answers are lost it is ordered once.
///
/// # Errors
/// When the provider refuses, or it stays unknown whether it took the order.
pub async fn order(
    provider: &dyn Provider,
    record: &Record,
    label: &str,
    quote: &Quote,
    authorized: &[String],
    observe: &mut Observe<'_>,
) -> Result<Machine, ProvisionError> {
    let (earlier, (tag, host_key)) = match record.open_order() {
        Some(order) => (true, order),
        None => (false, record.begin()?),
    };
    let order = Order {
        label: label.to_owned(),
        tags: vec![OURS.to_owned(), tag.clone()],
        region: quote.region.id.clone(),
        plan: quote.plan.id.clone(),
        image: quote.image.id.clone(),
        user_data: user_data(&host_key, authorized),
    };
    observe(&Event::Ordered { tag: tag.clone() });
    // An order of before may still come true.
    if earlier && let Some(machine) = settled(provider, label, &tag).await? {
        return taken(record, machine, observe);
    }
    let (mut tried, mut may_exist) = (0, earlier);
    loop {
        let error = match provider.create(&order).await {
            Ok(machine) => return taken(record, machine, observe),
            Err(error) => error,
        };
        tried += 1;
        may_exist |= error.was_taken() == Taken::Unknown;
        if error.was_taken() == Taken::Refused && !may_exist {
            observe(&Event::OrderRefused);
            record.forget()?;
            return Err(error.into());
        }
        let unclear = |cause: String| ProvisionError::Unclear {
            title: provider.title(),
            label: label.to_owned(),
            cause,
            tag: tag.clone(),
        };
        observe(&Event::OrderUnclear {
            cause: error.to_string(),
        });
        if error.was_taken() == Taken::Unknown {
            let found = settled(provider, label, &tag).await;
            if let Some(machine) = found.map_err(|error| unclear(error.to_string()))? {
                return taken(record, machine, observe);
            }
        }
        if tried == ORDERS || error.was_taken() == Taken::Refused {
            return Err(unclear(error.to_string()));
        }
        sleep(pause(tried, None)).await;
    }
}

/// The machine of an order, once the provider's list has had the time to show it.
async fn settled(provider: &dyn Provider, label: &str, tag: &str) -> Result<Option<Machine>, ProviderError> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let found = one(provider, label, provider.machines(Which::Tag(tag)).await?)?;
        if found.is_some() || Instant::now() >= deadline {
            return Ok(found);
        }
        sleep(LOOK).await;
    }
}

fn taken(record: &Record, machine: Machine, observe: &mut Observe<'_>) -> Result<Machine, ProvisionError> {
    observe(&Event::Machine(machine.clone()));
    if let Some(password) = &machine.password {
        record.keep_password(password)?;
    }
    Ok(machine)
}
