//! Checks: what must answer when everything is in place, asked on the host or from here.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::playbook::scalar::{Address, Count, Duration, Line, Name, Text, optional};
use crate::resources::Playbook;

pub mod here;
pub mod on_host;

/// A check. Exactly one of `http`, `tcp` and `command` says what is asked.
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
    pub fn asked_on_host(&self) -> Option<&str> {
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

/// Where a check is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// On the host itself.
    #[default]
    Host,
    /// From this machine.
    Here,
}

/// A check with nothing left to look up.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub probe: Probe,
    /// Where.
    pub from: From,
    /// How long it may take until the answer is right, in seconds.
    pub within: u32,
}

/// What a check asks.
#[derive(Clone, Debug)]
pub enum Probe {
    /// An HTTP request and what its answer must be.
    Http {
        /// The URL.
        url: String,
        /// What is posted, if anything.
        post: Option<String>,
        /// Headers.
        headers: Vec<(String, String)>,
        /// What the answer must be.
        expect: Expect,
    },
    /// A TCP connection.
    Tcp(String),
    /// A command.
    Command(String),
}

/// How a check ended: what is wrong, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// What was seen instead, at full length; none when all is well.
    pub wrong: Option<String>,
}

/// The checks of a playbook. A declaration without a probe, or with two, is found by [`problem`].
pub fn render(playbook: &Playbook) -> Vec<Check> {
    let check = |(name, placed): (&Name, &crate::playbook::parse::Placed<CheckDeclaration>)| {
        let declared = &placed.value;
        let probe = match (&declared.http, &declared.tcp, &declared.command) {
            (Some(url), None, None) => Probe::Http {
                url: url.0.clone(),
                post: declared.post.as_ref().map(|text| text.0.clone()),
                headers: declared
                    .headers
                    .iter()
                    .map(|(name, value)| (name.0.clone(), value.0.clone()))
                    .collect(),
                expect: declared.expect.clone(),
            },
            (None, Some(address), None) => Probe::Tcp(address.0.clone()),
            (None, None, Some(command)) => Probe::Command(command.0.clone()),
            _ => return None,
        };
        let within = declared.within.as_ref().map_or(30, |time| time.0);
        Some(Check {
            name: name.0.clone(),
            probe,
            from: declared.from,
            within,
        })
    };
    playbook.checks.iter().filter_map(check).collect()
}

/// What is wrong with a declared check, in words for its author.
pub fn problem(declared: &CheckDeclaration) -> Option<(&'static str, &'static str)> {
    let given = [
        declared.http.is_some(),
        declared.tcp.is_some(),
        declared.command.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Some((
            "a check asks one thing",
            "give exactly one of `http`, `tcp` and `command`",
        ));
    }
    if declared.command.is_some() && declared.from == From::Here {
        return Some(("a command check runs on the host", "remove `from: here`"));
    }
    if declared
        .http
        .as_ref()
        .is_some_and(|url| !url.0.starts_with("http://") && !url.0.starts_with("https://"))
    {
        return Some(("`http` is not a URL", "write `http://127.0.0.1/health`"));
    }
    None
}

impl Expect {
    /// Whether redirects are followed: unless one is what is expected.
    pub fn follows(&self) -> bool {
        !self
            .status
            .as_ref()
            .is_some_and(|count| (300..400).contains(&count.0))
    }

    /// What is wrong with an answer, if anything.
    pub fn judge(&self, status: u16, body: &str) -> Option<String> {
        let wanted = self.status.as_ref().map_or(200, |count| count.0);
        if u32::from(status) != wanted {
            return Some(format!(
                "the status is {status}, not {wanted}: {}",
                one_line(body)
            ));
        }
        if let Some(text) = self.contains.as_ref().filter(|text| !body.contains(&text.0)) {
            return Some(format!("the answer does not hold `{text}`: {}", one_line(body)));
        }
        if self.json.is_empty() {
            return None;
        }
        let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
            return Some(format!("the answer is not JSON: {}", one_line(body)));
        };
        self.json.iter().find_map(|(name, wanted)| {
            let seen = match json.get(&name.0) {
                None => return Some(format!("the answer has no `{name}`: {}", one_line(body))),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            (seen != wanted.0).then(|| format!("`{name}` is `{}`, not `{wanted}`", one_line(&seen)))
        })
    }
}

/// An answer as one line.
fn one_line(text: &str) -> String {
    let line = text.replace(char::is_control, " ");
    if line.trim().is_empty() {
        "(empty)".into()
    } else {
        line
    }
}

/// The longest message about an answer, in characters.
const LONGEST: usize = 240;

/// What was wrong, short enough for a message. Secrets are hidden before: half of one would be shown.
pub fn shortened(wrong: &str) -> String {
    match wrong.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &wrong[..end]),
        None => wrong.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(status: u32, json: &[(&str, &str)]) -> Expect {
        Expect {
            status: Some(Count(status)),
            json: json
                .iter()
                .map(|(name, value)| (Name((*name).into()), Line((*value).into())))
                .collect(),
            contains: None,
        }
    }

    #[test]
    fn an_answer_is_judged_by_status_and_json() {
        let wanted = expect(200, &[("status", "ok"), ("port", "80")]);
        assert_eq!(wanted.judge(200, r#"{"status":"ok","port":80,"more":1}"#), None);
        assert_eq!(
            wanted.judge(200, r#"{"status":"bad","port":80}"#),
            Some("`status` is `bad`, not `ok`".into())
        );
        assert_eq!(
            wanted.judge(200, "{}"),
            Some("the answer has no `status`: {}".into())
        );
        assert_eq!(
            wanted.judge(502, "x\ny"),
            Some("the status is 502, not 200: x y".into())
        );
        assert_eq!(
            wanted.judge(200, "<html>"),
            Some("the answer is not JSON: <html>".into())
        );
    }
}
