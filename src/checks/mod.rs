//! Checks: what must answer when everything is in place, asked on the host or from here, and what must be so before.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::desired::check::{Check, Expected, From, Probe};
use crate::language::scalar::{
    AbsPath, Address, Count, Duration, Flag, Line, Name, Port, Size, Text, optional,
};
use crate::language::{Placed, Problem, Render};

pub mod answer;
pub mod exposed;
pub mod here;
pub mod knock;
mod measure;
pub mod on_host;

/// A check. Exactly one of `http`, `tcp`, `command`, `exposed`, `disk` and `memory` says what is asked. It is asked after an apply
/// until it is right, and where nothing has changed since the last one at the same time as the host: it should change
/// nothing itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckDeclaration {
    /// A URL to get. Seen from here, `HOST` in it stands for the host's address. Redirects are followed on
    /// the host that is checked, unless `expect` names one.
    #[serde(default, deserialize_with = "optional")]
    pub http: Option<Line>,
    /// An address that must take a TCP connection. Seen from here, `HOST` stands for the host's address.
    #[serde(default, deserialize_with = "optional")]
    pub tcp: Option<Address>,
    /// A command that must succeed on the host.
    #[serde(default, deserialize_with = "optional")]
    pub command: Option<Text>,
    /// The TCP ports that are open to others, and no other is: `[22, 80, 443]`. Every port at which something on the host
    /// listens, or that it forwards (as Docker does, past ufw), is knocked at from this machine, over IPv4 and IPv6.
    #[serde(default)]
    pub exposed: Option<Vec<Port>>,
    /// How much room there must be on the host's disk.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// How much memory must be available on the host: `256M`.
    #[serde(default, deserialize_with = "optional")]
    pub memory: Option<Size>,
    /// Whether it must be so before anything is changed: an apply that would change something asks it on the host, and
    /// changes nothing when it fails.
    #[serde(default, deserialize_with = "optional")]
    pub before: Option<Flag>,
    /// What to post; JSON. Without it the URL is got.
    #[serde(default, deserialize_with = "optional")]
    pub post: Option<Text>,
    /// Headers to send.
    #[serde(default)]
    pub headers: IndexMap<Line, Line>,
    /// What the answer must be.
    #[serde(default)]
    pub expect: Expect,
    /// Where it is asked; on the host unless given.
    #[serde(default)]
    pub from: From,
    /// How long it may take until the answer is right; 30 s unless given, 10 s for `exposed`, and no time at all `before`.
    #[serde(default, deserialize_with = "optional")]
    pub within: Option<Duration>,
}

impl CheckDeclaration {
    fn is_before(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.0)
    }

    /// The URL that the host itself asks for, with curl.
    fn asked_on_host(&self) -> Option<&str> {
        let url = self.http.as_ref().filter(|_| self.from == From::Host);
        url.map(|url| url.0.as_str())
    }
}

/// What an answer must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status; 200 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub status: Option<Count>,
    /// Fields that the JSON answer must have, with these values; others may be there.
    #[serde(default)]
    pub json: IndexMap<Name, Line>,
    /// Text that the answer must hold.
    #[serde(default, deserialize_with = "optional")]
    pub contains: Option<Line>,
}

/// Room on a disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// A path on it, which need not be there yet.
    pub at: AbsPath,
    /// How much must be free: `2G`.
    pub free: Size,
}

/// Checks by name.
pub type Checks = IndexMap<Name, Placed<CheckDeclaration>>;

/// Asks for the packages that the checks on the host need.
pub fn need(checks: &Checks, cx: &mut Render<'_>) {
    for (name, placed) in checks {
        if let Some(url) = placed.value.asked_on_host() {
            let check = format!("check.{name}");
            cx.needs_package("curl", &check);
            if url.starts_with("https:") {
                cx.needs_package("ca-certificates", &check);
            }
        }
    }
}

/// The checks of a playbook: those before anything is changed, and those when all is in place.
pub fn render(checks: &Checks, cx: &mut Render<'_>) -> (Vec<Check>, Vec<Check>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (name, placed) in checks {
        match check(&name.0, &placed.value) {
            Ok(check) if placed.value.is_before() => before.push(check),
            Ok(check) => after.push(check),
            Err(problem) => cx.wrong_in(&name.0, problem, placed),
        }
    }
    (before, after)
}

fn check(name: &str, declared: &CheckDeclaration) -> Result<Check, Problem> {
    if declared.is_before() && declared.from == From::Here {
        return Err(Problem::new(
            "a check before an apply is asked on the host",
            "remove `from: here`, or `before`",
        ));
    }
    let CheckDeclaration {
        http, tcp, command, ..
    } = declared;
    let measure = match (&declared.disk, &declared.memory) {
        (Some(disk), None) => Some(measure::disk(&disk.at.0, disk.free.0)),
        (None, Some(memory)) => Some(measure::memory(memory.0)),
        (None, None) => None,
        _ => return Err(one_thing()),
    };
    if let Some(ports) = &declared.exposed
        && http.is_none()
        && tcp.is_none()
        && command.is_none()
        && measure.is_none()
    {
        if declared.is_before() {
            return Err(Problem::new(
                "what is open is asked from here, when all is in place",
                "remove `before`",
            ));
        }
        let ports = ports.iter().map(|port| port.0).collect();
        return Ok(checked(name, declared, Probe::Exposed(ports)));
    }
    let probe = match (http, tcp, command, measure) {
        (Some(url), None, None, None) => {
            if !url.0.starts_with("http://") && !url.0.starts_with("https://") {
                return Err(Problem::new(
                    "`http` is not a URL",
                    "write `http://127.0.0.1/health`",
                ));
            }
            let headers = declared.headers.iter();
            Probe::Http {
                url: url.0.clone(),
                post: declared.post.as_ref().map(|text| text.0.clone()),
                headers: headers
                    .map(|(name, value)| (name.0.clone(), value.0.clone()))
                    .collect(),
                expect: declared.expect.expected(),
            }
        }
        (None, Some(address), None, None) => Probe::Tcp(address.0.clone()),
        (None, None, Some(_), None) | (None, None, None, Some(_)) if declared.from == From::Here => {
            return Err(Problem::new(
                "a check by a command, of a disk or of memory runs on the host",
                "remove `from: here`",
            ));
        }
        (None, None, Some(command), None) => Probe::Command(command.0.clone()),
        (None, None, None, Some(measure)) => Probe::Measure(measure),
        _ => return Err(one_thing()),
    };
    match declared.exposed {
        None => Ok(checked(name, declared, probe)),
        Some(_) => Err(one_thing()),
    }
}

fn checked(name: &str, declared: &CheckDeclaration, probe: Probe) -> Check {
    // Others see it from outside.
    let outside = matches!(probe, Probe::Exposed(_));
    let patience = match (declared.is_before(), outside) {
        (true, _) => 0,
        (false, true) => 10,
        (false, false) => 30,
    };
    Check {
        name: name.to_owned(),
        probe,
        from: if outside { From::Here } else { declared.from },
        within: declared.within.as_ref().map_or(patience, |time| time.0),
    }
}

fn one_thing() -> Problem {
    Problem::new(
        "a check asks one thing",
        "give exactly one of `http`, `tcp`, `command`, `exposed`, `disk` and `memory`",
    )
}

impl Expect {
    fn expected(&self) -> Expected {
        let json = self.json.iter();
        Expected {
            status: self.status.as_ref().map_or(200, |count| count.0),
            json: json
                .map(|(name, value)| (name.0.clone(), value.0.clone()))
                .collect(),
            contains: self.contains.as_ref().map(|text| text.0.clone()),
        }
    }
}
