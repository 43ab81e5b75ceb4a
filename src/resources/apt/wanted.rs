//! Packages as a playbook names them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use crate::language::Problem;
use crate::language::scalar::{Flag, Line, optional};

/// A package: its name, its name with a version (`nginx=1.22.*`), or a mapping.
#[derive(Clone, Debug)]
pub struct Wanted(Package);

/// A package and what is said of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Package {
    /// Its name.
    name: Line,
    /// The version, in which `*` stands for anything: `1.22.*`. Another one that is installed is replaced, a newer one, too.
    #[serde(default, deserialize_with = "optional")]
    version: Option<Line>,
    /// Whether it stays as it is when all packages are upgraded (`apt-mark hold`), until a playbook no longer says so.
    #[serde(default, deserialize_with = "optional")]
    hold: Option<Flag>,
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrMore;
        impl<'de> Visitor<'de> for NameOrMore {
            type Value = Wanted;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a package, or a mapping with `name`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Wanted, E> {
                let line = Line::deserialize(text.into_deserializer())?;
                let (name, version) = match line.0.split_once('=') {
                    Some((name, version)) => (Line(name.into()), Some(Line(version.into()))),
                    None => (line, None),
                };
                let hold = None;
                Ok(Wanted(Package { name, version, hold }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Wanted, A::Error> {
                Package::deserialize(MapAccessDeserializer::new(map)).map(Wanted)
            }
        }
        deserializer.deserialize_any(NameOrMore)
    }
}

impl JsonSchema for Wanted {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NameOrPackage".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let package = generator.subschema_for::<Package>();
        let name = generator.subschema_for::<Line>();
        json_schema!({ "anyOf": [package, name] })
    }
}

impl Wanted {
    pub fn name(&self) -> &str {
        &self.0.name.0
    }

    pub fn version(&self) -> Option<&str> {
        self.0.version.as_ref().map(|version| version.0.as_str())
    }

    pub fn holds(&self) -> bool {
        self.0.hold.as_ref().is_some_and(|hold| hold.0)
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), Problem> {
        check_name(self.name())?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".+-~:*".contains(c);
        match self.version() {
            Some(version) if version.is_empty() || !version.chars().all(fits) => Err(Problem::new(
                format!("`{version}` is not a version of a package"),
                "write it as `apt-cache policy` does, with `*` for what does not matter: `1.22.*`",
            )),
            _ => Ok(()),
        }
    }
}

/// What is wrong with the name of a package, if anything. With `-` at its end apt would remove what is named before it.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
    match !name.is_empty()
        && name.chars().all(valid)
        && !name.starts_with(['-', '.', '+'])
        && !name.ends_with('-')
    {
        true => Ok(()),
        false => Err(Problem::new(
            format!("`{name}` is not a package name"),
            "a Debian package name has lower-case letters, digits, `+`, `-` and `.`",
        )),
    }
}

/// Whether a version is one that the pattern means, in which `*` stands for anything.
pub(super) fn fits(pattern: &str, version: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = version.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn versions_fit_as_they_do_for_apt() {
        for (pattern, version) in [
            ("1.22.1-9", "1.22.1-9"),
            ("1.22.*", "1.22.1-9+deb12u1"),
            ("*", "1"),
            ("1.*-*deb12*", "1.22-9+deb12u1"),
            ("5:27*", "5:27.1"),
        ] {
            assert!(fits(pattern, version), "{pattern} {version}");
        }
        for (pattern, version) in [
            ("1.22", "1.22.1"),
            ("1.22.*", "1.18.0"),
            ("*u1", "1u1a"),
            ("1*1", "1"),
            ("27*", "5:27.1"),
        ] {
            assert!(!fits(pattern, version), "{pattern} {version}");
        }
    }
}
