//! Programs of which two instances take turns: one serves, and what is new comes up as the other. What a playbook says
//! of them, whoever runs them, and what programs and sites say to each other.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::change::Id;
use crate::language::scalar::{Duration, Port, Ready, optional};
use crate::language::{Problem, Render};

/// Two instances of a program that take turns. A list of the two ports is short for what says nothing else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Instances")]
pub struct Details {
    /// The two ports. A program reads its own from the variable `PORT`, or from `{port}` in its command.
    ports: Vec<Port>,
    /// When a new instance gets requests: when it answers this path with 2xx or 3xx, or listens (`tcp`); `tcp` unless
    /// given.
    #[serde(default, deserialize_with = "optional")]
    ready: Option<Ready>,
    /// How long it may take until then; 60 s unless given.
    #[serde(default, deserialize_with = "optional")]
    within: Option<Duration>,
    /// How long what goes on in the old instance may take before it is stopped; 30 s unless given.
    #[serde(default, deserialize_with = "optional")]
    drain: Option<Duration>,
}

/// Two instances of a program that take turns.
#[derive(Clone, Debug)]
pub struct Instances(Details);

impl Instances {
    /// The two ports.
    pub fn ports(&self) -> Result<[u16; 2], Problem> {
        match self.0.ports[..] {
            [Port(first), Port(second)] if first != second => Ok([first, second]),
            _ => Err(Problem::new(
                "`instances` are two that take turns, each at a port of its own",
                "give two ports: `instances: [8080, 8081]`",
            )),
        }
    }

    pub fn ready(&self) -> &str {
        self.0.ready.as_ref().map_or("tcp", |ready| &ready.0)
    }

    /// In seconds.
    pub fn within(&self) -> u32 {
        self.0.within.as_ref().map_or(60, |time| time.0)
    }

    /// In seconds.
    pub fn drain(&self) -> u32 {
        self.0.drain.as_ref().map_or(30, |time| time.0)
    }
}

impl<'de> Deserialize<'de> for Instances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortsOrMore;
        impl<'de> Visitor<'de> for PortsOrMore {
            type Value = Instances;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two ports, or a mapping with `ports`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Instances, A::Error> {
                Ok(Instances(Details {
                    ports: Vec::deserialize(SeqAccessDeserializer::new(list))?,
                    ready: None,
                    within: None,
                    drain: None,
                }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Instances, A::Error> {
                Details::deserialize(MapAccessDeserializer::new(map)).map(Instances)
            }
        }
        deserializer.deserialize_any(PortsOrMore)
    }
}

impl JsonSchema for Instances {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PortsOrInstances".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let details = generator.subschema_for::<Details>();
        let ports = generator.subschema_for::<Vec<Port>>();
        json_schema!({ "anyOf": [details, ports] })
    }
}

/// A program whose instances take turns, for sites that hand requests on to it, and for whoever restarts it.
#[derive(Clone, Debug)]
pub(super) struct TakesTurns {
    /// The program's own id.
    pub id: Id,
    pub program: String,
    pub ports: [u16; 2],
    /// What whoever runs them calls the two.
    pub names: [String; 2],
}

impl TakesTurns {
    /// What stands for the second instance while it is here; else it is the first one that gets the requests. nginx asks
    /// for it with each request, for all its users: so it is not below hostwright's own place.
    pub fn turned(&self) -> String {
        format!("/var/lib/hostwright-instances/{}-{}", self.program, self.ports[1])
    }

    /// What that file says.
    pub fn turned_text(&self) -> String {
        let (name, [first, second]) = (&self.program, self.ports);
        format!("While this file is here, requests for {name} go to port {second}, else to port {first}.")
    }
}

/// A site that hands requests on to a program by its name.
#[derive(Clone, Debug)]
pub(super) struct HandsTo {
    pub program: String,
    pub site: String,
}

/// Says that a program has instances that take turns. What is wrong with them its rendering says.
pub(super) fn announce(
    instances: Option<&Instances>,
    turns: impl FnOnce([u16; 2]) -> TakesTurns,
    cx: &mut Render<'_>,
) {
    if let Some(Ok(ports)) = instances.map(Instances::ports) {
        cx.announce(turns(ports));
    }
}

/// The sites that hand requests on to the program `name`.
pub(super) fn sites(name: &str, cx: &Render<'_>) -> Result<Vec<String>, Problem> {
    let same = cx.announced::<TakesTurns>().filter(|turns| turns.program == name);
    if same.count() > 1 {
        return Err(Problem::new(
            format!("two programs are called {name}, and both have `instances`"),
            "give one of them another name: a site could not tell them apart",
        ));
    }
    let hands = cx.announced::<HandsTo>().filter(|hands| hands.program == name);
    let mut sites: Vec<String> = hands.map(|hands| hands.site.clone()).collect();
    sites.dedup();
    match sites.is_empty() {
        false => Ok(sites),
        true => Err(Problem::new(
            format!("{name} has `instances`, and no site hands requests on to it"),
            format!("write `proxy: {name}` in a site under `nginx`, or take `instances` out"),
        )),
    }
}
