//! The time zone.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::TimeZone;
use crate::language::{Placed, Render, Section};
use crate::managed::announced::{What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::standing;

/// The host's time zone, as it is called below `/usr/share/zoneinfo`: `Europe/Berlin`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timezone(Option<Placed<TimeZone>>);

const LINK: &str = "/etc/localtime";
const NAME: &str = "/etc/timezone";
const ZONES: &str = "/usr/share/zoneinfo/";

/// cron and rsyslog know the zone that there was when they started.
const RESTART: &str = "systemctl try-restart cron.service rsyslog.service 2>/dev/null || true";

impl Section for Timezone {
    fn announce(&self, cx: &mut Render<'_>) {
        if let Some(zone) = &self.0 {
            stands(cx, LINK, What::Link(format!("{ZONES}{}", zone.value.0)));
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        if let Some(zone) = &self.0 {
            cx.needs_package("tzdata", "timezone.host");
            let zone = Zone::new(Id::new("timezone", "host"), &zone.value.0, cx);
            cx.push(zone);
        }
    }
}

/// Puts back the zone that was there before a playbook had another.
pub(super) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    if let Some(before) = gone.settings.get("timezone") {
        let zone = Zone::new(Id::new("pruned", "timezone"), before, cx);
        cx.push(zone);
    }
}

#[derive(Debug)]
struct Zone {
    id: Id,
    zone: String,
    name: ManagedFile,
}

impl Zone {
    fn new(id: Id, zone: &str, cx: &Render<'_>) -> Self {
        Self {
            id,
            zone: zone.to_owned(),
            name: ManagedFile::new(NAME, cx.content(format!("{zone}\n").into_bytes())),
        }
    }

    /// The zone that the host has.
    fn now<'c>(&self, cx: &'c Context<'_>) -> &'c str {
        let target = cx.facts.path(LINK).map_or("", |fact| &fact.target);
        target.split_once("zoneinfo/").map_or("", |(_, zone)| zone)
    }
}

impl Resource for Zone {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Package("tzdata".into())]
    }

    fn remains(&self) -> Remains {
        let own = (!self.id.as_str().starts_with("pruned.")).then(|| ("timezone".to_owned(), String::new()));
        Remains {
            settings: own.into_iter().collect(),
            ..Remains::default()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = self.remains();
        let known = cx.facts.made().settings.remove("timezone");
        match known.or_else(|| (self.now(cx) != self.zone).then(|| self.now(cx).to_owned())) {
            Some(before) if !before.is_empty() => remains
                .settings
                .values_mut()
                .for_each(|value| value.clone_from(&before)),
            _ => remains.settings.clear(),
        }
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(LINK);
        questions.path(&format!("{ZONES}{}", self.zone));
        questions.package("tzdata");
        self.name.ask(questions);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let (zone, now) = (&self.zone, self.now(cx));
        // Debian 13 has the link alone.
        let named = cx.facts.path(NAME).is_none() || self.name.is_there(cx);
        if now == zone && named {
            return Ok(Vec::new());
        }
        if cx.facts.package("tzdata").is_some() && cx.facts.path(&format!("{ZONES}{zone}")).is_none() {
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("the host knows no time zone {zone}"),
                mend: "`timedatectl list-timezones` there names them; some old names are in the package tzdata-legacy".into(),
            });
        }
        standing::replaceable(cx, &self.id, LINK)?;
        let mut change = Change::new(&self.id, Verb::Update, format!("set the time zone {zone}"));
        if now != zone {
            change = change.detail(Detail::Field {
                name: "time zone",
                from: now.to_owned(),
                to: zone.clone(),
            });
            change = change.action(Action::Link {
                path: LINK.into(),
                target: format!("{ZONES}{zone}"),
            });
        }
        if !named {
            change = change.action(self.name.write());
        }
        change =
            change.note("cron and rsyslog are restarted, where they run: they keep the zone they began with");
        change = change.action(Action::Load(RESTART.into()));
        change.recover = Some(RESTART.into());
        Ok(vec![change])
    }
}
