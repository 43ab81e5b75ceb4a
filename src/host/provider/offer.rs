//! What a provider is asked for, and what it offers.

use std::pin::Pin;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::machine::{Machine, Which};

/// What a provider will answer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// Whoever hands machines out. Every question is asked again by itself when the provider is overloaded or does
/// not answer; an order is not ([`Provider::create`]).
pub trait Provider: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Its name for a person.
    fn title(&self) -> &'static str;

    /// The image a machine gets when none is named.
    fn default_image(&self) -> Result<String, ProviderError>;

    /// What sorts of machines there are.
    fn plans(&self) -> Answer<'_, Vec<Plan>>;

    /// Where machines can stand.
    fn regions(&self) -> Answer<'_, Vec<Region>>;

    /// What a machine can begin with: Debian and Ubuntu only.
    fn images(&self) -> Answer<'_, Vec<Image>>;

    /// The machines there are.
    fn machines<'a>(&'a self, which: Which<'a>) -> Answer<'a, Vec<Machine>>;

    /// One machine; none if it is gone.
    fn machine<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Machine>>;

    /// Orders a machine, once: whoever asks again must know that the first order was not taken.
    /// [`ProviderError::was_taken`] says what an error tells of that.
    fn create<'a>(&'a self, order: &'a Order) -> Answer<'a, Machine>;

    /// Takes the user data away: it holds the host's private key, and any program on the machine can read it.
    fn forget_user_data<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()>;

    /// Removes a machine and all that is on it. One that is gone is no error.
    fn destroy<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()>;
}

/// A sort of machine.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "MachinePlan")]
pub struct Plan {
    /// Its name in orders.
    pub id: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory, in MiB.
    pub memory: u64,
    /// Disk, in GB.
    pub disk: u64,
    /// Traffic that the price includes, in GB a month.
    pub traffic: u64,
    /// US dollars a month.
    pub monthly: f64,
    /// The regions that have it now.
    pub regions: Vec<String>,
}

/// A place where machines stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Region {
    /// Its name in orders.
    pub id: String,
    /// The city.
    pub city: String,
    /// The country, as the provider writes it.
    pub country: String,
}

/// What a machine begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Image {
    /// Its name in orders.
    pub id: String,
    /// Its short name: `debian-12`, `ubuntu-24.04`.
    pub short: String,
    /// The provider's name for it.
    pub name: String,
}

/// An order for a machine. It is never shown as it is: see `user_data`.
#[derive(Clone)]
pub struct Order {
    /// The label, which is its host name, too.
    pub label: String,
    /// Words to find it by: [`super::OURS`] and one that no other order has.
    pub tags: Vec<String>,
    /// [`Region::id`].
    pub region: String,
    /// [`Plan::id`].
    pub plan: String,
    /// [`Image::id`].
    pub image: String,
    /// What cloud-init is told on the first boot. It holds a secret.
    pub user_data: String,
}
