//! Checks: what must answer when everything is in place, asked on the host or from here.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::desired::check::{Check, Expected, From, Probe};
use crate::language::scalar::{Address, Count, Duration, Line, Name, Text, optional};
use crate::language::{Placed, Problem, Render};

pub mod answer;
pub mod here;
pub mod on_host;

/// A check. Exactly one of `http`, `tcp` and `command` says what is asked. It is asked after an apply until it is right,
/// and where nothing has changed since the last one at the same time as the host: it should change nothing itself.
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
    /// How long it may take until the answer is right; 30 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub within: Option<Duration>,
}

impl CheckDeclaration {
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

/// The checks of a playbook.
pub fn render(checks: &Checks, cx: &mut Render<'_>) -> Vec<Check> {
    let mut rendered = Vec::new();
    for (name, placed) in checks {
        match check(&name.0, &placed.value) {
            Ok(check) => rendered.push(check),
            Err(problem) => cx.wrong_in(&name.0, problem, placed),
        }
    }
    rendered
}

fn check(name: &str, declared: &CheckDeclaration) -> Result<Check, Problem> {
    let probe = match (&declared.http, &declared.tcp, &declared.command) {
        (Some(url), None, None) => {
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
        (None, Some(address), None) => Probe::Tcp(address.0.clone()),
        (None, None, Some(_)) if declared.from == From::Here => {
            return Err(Problem::new(
                "a command check runs on the host",
                "remove `from: here`",
            ));
        }
        (None, None, Some(command)) => Probe::Command(command.0.clone()),
        _ => {
            return Err(Problem::new(
                "a check asks one thing",
                "give exactly one of `http`, `tcp` and `command`",
            ));
        }
    };
    Ok(Check {
        name: name.to_owned(),
        probe,
        from: declared.from,
        within: declared.within.as_ref().map_or(30, |time| time.0),
    })
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
