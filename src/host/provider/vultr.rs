//! Vultr's API v2, in the shapes of its public client libraries (vultr/govultr: `instance.go`, `plans.go`,
//! `regions.go`, `os.go`, `meta.go`).

use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::api::{Api, Ask};
use super::error::ProviderError;
use super::machine::{Machine, State, Which};
use super::offer::{Answer, Image, Order, Plan, Provider, Region};
use super::secrets::{Password, api_key, folder};
use super::user_data::FORGOTTEN;

/// Its name on the command line.
pub(super) const NAME: &str = "vultr";
const TITLE: &str = "Vultr";
const API: &str = "https://api.vultr.com";
/// Another address than [`API`], for tests.
const API_VARIABLE: &str = "HOSTWRIGHT_VULTR_API";
const KEY_VARIABLE: &str = "VULTR_API_KEY";
const KEY_PAGE: &str = "https://my.vultr.com/settings/#settingsapi";
/// A list comes in pages of at most so many.
const PAGE: &str = "500";

/// The account that the API key is for.
pub(super) struct Vultr(Api);

impl Vultr {
    /// With the key of the environment or of `~/.config/hostwright/vultr.key`.
    pub fn of_this_user() -> Result<Self, ProviderError> {
        let file = folder("XDG_CONFIG_HOME", ".config").join("vultr.key");
        let key = api_key(TITLE, KEY_VARIABLE, KEY_PAGE, file)?;
        let base = std::env::var(API_VARIABLE).ok().filter(|url| !url.is_empty());
        let base = base.as_deref().unwrap_or(API);
        Api::new(TITLE, KEY_PAGE, (API_VARIABLE, base), &key).map(Self)
    }

    /// Every page of a list, whose items stand under `name`.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ProviderError> {
        let what = format!("list its {}", path.trim_start_matches("/v2/"));
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut query = query.to_vec();
            query.push(("per_page", PAGE));
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let mut page: serde_json::Value = self.0.ask(&Ask::get(path, &query, &what)).await?;
            let items: Vec<T> = self.0.part(&what, page[name].take())?;
            all.extend(items);
            let next = page["meta"]["links"]["next"].as_str().unwrap_or_default();
            // A cursor that does not move would never end.
            if next.is_empty() || next == cursor {
                return Ok(all);
            }
            cursor = next.to_owned();
        }
    }
}

impl Provider for Vultr {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn default_image(&self) -> Result<String, ProviderError> {
        Ok("debian-12".into())
    }

    fn plans(&self) -> Answer<'_, Vec<Plan>> {
        Box::pin(async {
            let plans: Vec<ItsPlan> = self.list("/v2/plans", "plans", &[]).await?;
            Ok(plans.into_iter().map(ItsPlan::ours).collect())
        })
    }

    fn regions(&self) -> Answer<'_, Vec<Region>> {
        Box::pin(async { self.list("/v2/regions", "regions", &[]).await })
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        Box::pin(async {
            let images: Vec<ItsImage> = self.list("/v2/os", "os", &[]).await?;
            Ok(images.into_iter().filter_map(ItsImage::ours).collect())
        })
    }

    fn machines<'a>(&'a self, which: Which<'a>) -> Answer<'a, Vec<Machine>> {
        Box::pin(async move {
            let query = match which {
                Which::All => None,
                Which::Label(label) => Some(("label", label)),
                Which::Tag(tag) => Some(("tag", tag)),
            };
            let query: Vec<_> = query.into_iter().collect();
            let machines: Vec<Instance> = self.list("/v2/instances", "instances", &query).await?;
            let machines = machines.into_iter().map(Instance::ours);
            Ok(machines.filter(|machine| which.has(machine)).collect())
        })
    }

    fn machine<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Machine>> {
        Box::pin(async move {
            let path = format!("/v2/instances/{id}");
            let answer = self
                .0
                .ask(&Ask::get(&path, &[], format!("show the machine {id}")))
                .await;
            match answer {
                Ok(Reply { instance }) => Ok(Some(instance.ours())),
                Err(ProviderError::Refused { status: 404, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn create<'a>(&'a self, order: &'a Order) -> Answer<'a, Machine> {
        Box::pin(async move {
            let ask = Ask {
                method: Method::POST,
                path: "/v2/instances",
                query: &[],
                body: Some(json!({
                    "region": order.region,
                    "plan": order.plan,
                    "os_id": order.image.parse::<u32>().unwrap_or_default(),
                    "label": order.label,
                    "hostname": order.label,
                    "tags": order.tags,
                    "user_data": BASE64_STANDARD.encode(&order.user_data),
                    // Backups cost extra, and a mail would say what is said here.
                    "backups": "disabled",
                    "activation_email": false,
                })),
                what: format!("make the machine {}", order.label),
            };
            let Reply { instance } = self.0.ask_once(&ask).await?;
            Ok(instance.ours())
        })
    }

    fn forget_user_data<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        Box::pin(async move {
            let ask = Ask {
                method: Method::PATCH,
                path: &format!("/v2/instances/{}", machine.id),
                query: &[],
                body: Some(json!({ "user_data": BASE64_STANDARD.encode(FORGOTTEN) })),
                what: format!("take the user data of {} away", machine.label),
            };
            self.0.tell(&ask).await
        })
    }

    fn destroy<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        Box::pin(async move {
            let ask = Ask {
                method: Method::DELETE,
                path: &format!("/v2/instances/{}", machine.id),
                query: &[],
                body: None,
                what: format!("destroy the machine {}", machine.label),
            };
            match self.0.tell(&ask).await {
                // An earlier try whose answer was lost.
                Err(ProviderError::Refused { status: 404, .. }) => Ok(()),
                answer => answer,
            }
        })
    }
}

/// The answer about one instance.
#[derive(Deserialize)]
struct Reply {
    instance: Instance,
}

/// `Instance` of instance.go.
#[derive(Deserialize)]
struct Instance {
    id: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    plan: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    main_ip: String,
    #[serde(default)]
    v6_main_ip: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    power_status: String,
    #[serde(default)]
    date_created: String,
    #[serde(default)]
    default_password: String,
}

impl Instance {
    fn ours(self) -> Machine {
        // `server_status` can stick, so it is not asked; SSH and cloud-init are the proof.
        let state = match (self.status.as_str(), self.power_status.as_str()) {
            ("active", "running") => State::Running,
            ("active", power) => State::Stopped(power.to_owned()),
            ("suspended", _) => State::Stopped(self.status),
            _ => State::Pending,
        };
        let known = |text: &str| {
            text.parse()
                .ok()
                .filter(|address: &IpAddr| !address.is_unspecified())
        };
        let password = Some(self.default_password).filter(|password| !password.is_empty());
        Machine {
            id: self.id,
            label: self.label,
            tags: self.tags,
            region: self.region,
            plan: self.plan,
            image: self.os,
            address: known(&self.main_ip).or_else(|| known(&self.v6_main_ip)),
            state,
            created: self.date_created,
            password: password.map(Password),
        }
    }
}

/// `Plan` of plans.go.
#[derive(Deserialize)]
struct ItsPlan {
    id: String,
    vcpu_count: u32,
    ram: u64,
    disk: u64,
    #[serde(default)]
    bandwidth: u64,
    monthly_cost: f64,
    #[serde(default)]
    locations: Vec<String>,
}

impl ItsPlan {
    fn ours(self) -> Plan {
        Plan {
            id: self.id,
            cpus: self.vcpu_count,
            memory: self.ram,
            disk: self.disk,
            traffic: self.bandwidth,
            monthly: self.monthly_cost,
            regions: self.locations,
        }
    }
}

/// `OS` of os.go.
#[derive(Deserialize)]
struct ItsImage {
    id: u32,
    name: String,
    #[serde(default)]
    arch: String,
    #[serde(default)]
    family: String,
}

impl ItsImage {
    /// None if it is no system that hostwright knows.
    fn ours(self) -> Option<Image> {
        let version = self
            .name
            .split(' ')
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let is_known = matches!(self.family.as_str(), "debian" | "ubuntu") && self.arch == "x64";
        is_known.then(|| Image {
            id: self.id.to_string(),
            short: format!("{}-{version}", self.family),
            name: self.name.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(text: &str) -> Machine {
        serde_json::from_str::<Instance>(text).unwrap().ours()
    }

    #[test]
    fn an_instance_is_read_in_every_state() {
        let fresh = machine(
            r#"{"id":"a","os":"Debian 12 x64 (bookworm)","ram":2048,"main_ip":"0.0.0.0","v6_main_ip":"","status":"pending",
            "power_status":"running","server_status":"none","default_password":"nreqnusibni","label":"mcp-1",
            "tags":["hostwright","hostwright-1"],"region":"sgp","plan":"vc2-1c-2gb","date_created":"2026-11-28T15:00:00+00:00"}"#,
        );
        assert_eq!((fresh.state.clone(), fresh.address), (State::Pending, None));
        assert_eq!(fresh.password, Some(Password("nreqnusibni".into())));
        assert!(fresh.is_ours() && !format!("{fresh:?}").contains("nreq"));
        let state = |status: &str, power: &str| {
            let text = format!(
                r#"{{"id":"a","main_ip":"203.0.113.7","status":"{status}","power_status":"{power}"}}"#
            );
            machine(&text).state
        };
        assert_eq!(state("active", "running"), State::Running);
        assert_eq!(state("active", "stopped"), State::Stopped("stopped".into()));
        assert_eq!(state("suspended", "running"), State::Stopped("suspended".into()));
        assert_eq!(state("resizing", "running"), State::Pending);
        let only_6 = machine(
            r#"{"id":"a","main_ip":"","v6_main_ip":"2001:db8::1","status":"active","power_status":"running"}"#,
        );
        assert_eq!(only_6.address, Some("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn images_have_short_names_and_others_systems_are_left_out() {
        let short = |id: u32, name: &str, arch: &str, family: &str| {
            let image = ItsImage {
                id,
                name: name.into(),
                arch: arch.into(),
                family: family.into(),
            };
            image.ours().map(|image| image.short)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            short(2136, "Debian 12 x64 (bookworm)", "x64", "debian"),
            some("debian-12")
        );
        assert_eq!(
            short(2284, "Ubuntu 24.04 LTS x64", "x64", "ubuntu"),
            some("ubuntu-24.04")
        );
        assert_eq!(short(124, "Windows 2012 R2 x64", "x64", "windows"), None);
        assert_eq!(short(159, "Custom", "x64", "iso"), None);
    }
}
