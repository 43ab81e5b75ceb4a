//! The words of systemd's unit files: sections, directives, and what a directive is set to.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::scalar::{read, scalar};
use super::scope::nearest;

/// The sections of unit files (systemd.syntax(7)); those that begin with `X-` it leaves to others.
const SECTIONS: [&str; 11] = [
    "Unit",
    "Service",
    "Socket",
    "Timer",
    "Path",
    "Mount",
    "Automount",
    "Swap",
    "Slice",
    "Scope",
    "Install",
];

/// The directives that systemd 252 and 257 know (`systemd --dump-configuration-items`).
const DIRECTIVES: &str = include_str!("directives.txt");

fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain)
}

scalar! {
    /// A section of a unit's file: `Unit`, `Service`, `Timer`, `Install`.
    UnitSection(String), "^[A-Z][A-Za-z0-9-]*$", |text| {
        if SECTIONS.contains(&text) || text.starts_with("X-") && is_word(text) {
            return Ok(text.to_owned());
        }
        let near = nearest(text, SECTIONS);
        Err(format!("`{text}` is not a section of a unit's file{near}: write one of {}", SECTIONS.join(", ")))
    }
}
scalar! {
    /// A directive of a unit's file: `ExecStartPre`, `OnCalendar`, `ProtectSystem`. Whether it stands in its section a
    /// host's own systemd says.
    Directive(String), "^[A-Za-z][A-Za-z0-9-]*$", |text| {
        let mut known = DIRECTIVES.split_whitespace();
        if known.any(|name| name == text) || text.starts_with("X-") && is_word(text) {
            return Ok(text.to_owned());
        }
        // One that nearly has the name of another is that one; another may be of a systemd to come.
        let near = nearest(text, DIRECTIVES.split_whitespace());
        match near.is_empty() && is_word(text) {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not a directive of systemd's{near}")),
        }
    }
}
scalar! {
    /// What a directive is set to: one line. Nothing (`""`) takes back what was set before.
    Setting(String), "^[^\\n]*$", |text| {
        if text.chars().any(char::is_control) {
            return Err("one line without control characters is needed here".into());
        }
        // The next line would be a part of it (systemd.syntax(7)).
        match text.ends_with('\\') {
            true => Err("a setting does not end with `\\`: systemd would join it with the line after it".into()),
            false => Ok(text.to_owned()),
        }
    }
}
scalar! {
    /// How a service says that it has started: `simple`, `exec`, `forking`, `oneshot`, `dbus`, `notify`, `notify-reload`
    /// or `idle`.
    ServiceType(String), "^(simple|exec|forking|oneshot|dbus|notify|notify-reload|idle)$", |text| {
        one_of(text, &["simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"])
    }
}
scalar! {
    /// When a service is started again: `no`, `always`, `on-success`, `on-failure`, `on-abnormal`, `on-abort` or
    /// `on-watchdog`.
    Restart(String), "^(no|always|on-(success|failure|abnormal|abort|watchdog))$", |text| {
        one_of(text, &["no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"])
    }
}

fn one_of(text: &str, words: &[&str]) -> Result<String, String> {
    match words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` is none of {}{}",
            words.join(", "),
            nearest(text, words.iter().copied())
        )),
    }
}

/// What a directive is set to, once for each: one setting, a list of them, or null for none at all.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub Vec<Setting>);

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Settings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single value, a list of them, or null")
            }
            fn visit_unit<E: Error>(self) -> Result<Settings, E> {
                Ok(Settings::default())
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Settings, E> {
                let setting = text.into_deserializer();
                Ok(Settings(vec![Setting::deserialize(setting)?]))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Settings, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Settings, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Settings, E> {
                self.visit_str(&value.to_string())
            }
            // Its own text is gone by now: `1.10` would be 1.1.
            fn visit_f64<E: Error>(self, value: f64) -> Result<Settings, E> {
                Err(E::custom(format!(
                    "a number with a point stands in quotes here: \"{value}\""
                )))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Settings, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Settings)
            }
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Settings, A::Error> {
                Err(A::Error::custom(
                    "a single value or a list of them is needed here",
                ))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Settings {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Settings".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Setting>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }, { "type": "null" }] })
    }
}
