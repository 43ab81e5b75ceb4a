//! Paths at which nothing may stand.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::AbsPath;
use crate::language::{AtPath, Ordered, Placed, Problem, Render, Section};
use crate::managed::announced::{What, stands};
use crate::managed::standing;

/// Paths that are taken away. What stood there is kept with the run that took it.
#[derive(Debug, Default)]
pub struct Absent(Vec<Placed<Ordered<AbsPath>>>);

/// What is said of a path where `absent` is a mapping.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AbsentPath {}

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Paths).map(Self)
    }
}

struct Paths;

impl<'de> Visitor<'de> for Paths {
    type Value = Vec<Placed<Ordered<AbsPath>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of paths, or a mapping of paths")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let paths = AtPath::<AbsentPath>::deserialize(MapAccessDeserializer::new(map))?;
        let paths = paths.into_iter().map(|(value, placed)| Placed {
            value: Ordered {
                value,
                after: placed.value.after,
            },
            line: placed.line,
            column: placed.column,
        });
        Ok(paths.collect())
    }
}

impl JsonSchema for Absent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Absent".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<AbsPath>>();
        let mapping = generator.subschema_for::<AtPath<AbsentPath>>();
        json_schema!({ "anyOf": [list, mapping] })
    }
}

/// Directories without which there is no host.
pub(super) const NEVER: [&str; 16] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/proc", "/root", "/run", "/sbin", "/srv",
    "/sys", "/usr", "/var",
];

impl Section for Absent {
    fn announce(&self, cx: &mut Render<'_>) {
        for placed in &self.0 {
            stands(cx, &placed.value.value.0, What::Nothing);
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        for (index, placed) in self.0.iter().enumerate() {
            let path = &placed.value.value.0;
            if NEVER.contains(&path.as_str()) {
                let problem = Problem::new(format!("{path} cannot be taken away"), "name what is in it");
                cx.wrong(problem, placed);
                continue;
            }
            if self.0[..index]
                .iter()
                .any(|earlier| earlier.value.value == placed.value.value)
            {
                let problem = Problem::new(format!("{path} stands here twice"), "remove one of the two");
                cx.wrong(problem, placed);
                continue;
            }
            let gone = Gone {
                id: Id::new("absent", path),
                path: path.clone(),
                secret: false,
                why: None,
                after: Vec::new(),
            };
            cx.declared(placed, |_, cx| cx.push(gone));
        }
    }
}

/// A path at which nothing stands.
#[derive(Debug)]
pub(super) struct Gone {
    pub id: Id,
    pub path: String,
    /// Whether a secret may stand there.
    pub secret: bool,
    /// Why it goes, where the playbook does not say so.
    pub why: Option<&'static str>,
    /// What must no longer name it before it goes.
    pub after: Vec<Id>,
}

impl Resource for Gone {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        self.after.iter().cloned().map(Ref::Id).collect()
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Some(fact) = cx.facts.path(&self.path) else {
            return Ok(Vec::new());
        };
        if self.why.is_some() && cx.goes_on_with(&self.path) {
            return Ok(Vec::new());
        }
        let what = match fact.kind {
            'd' => "the directory",
            'l' => "the link",
            'f' => "the file",
            'p' => "the named pipe",
            's' => "the socket",
            _ => "the device",
        };
        standing::replaceable(cx, &self.id, &self.path)?;
        if let Some(mount) = cx.facts.mounted_below(&self.path).filter(|_| fact.kind == 'd') {
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("something is mounted at {mount}, below {}", self.path),
                mend: format!("`umount {mount}` first"),
            });
        }
        let mut change = Change::new(&self.id, Verb::Remove, format!("remove {what} {}", self.path));
        if let Some(why) = self.why {
            change = change.note(why);
        }
        if let ('l', Some(_)) = (fact.kind, &fact.behind) {
            change = change.note(format!("what it leads to, {}, stays", fact.target));
        }
        Ok(vec![change.action(Action::Remove {
            path: self.path.clone(),
            secret: self.secret,
        })])
    }
}
