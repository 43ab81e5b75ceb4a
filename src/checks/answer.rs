//! What an answer says of the check that asked for it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::desired::check::Expected;

/// How a check ended: what is wrong, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// What was seen instead, at full length; none when all is well.
    pub wrong: Option<String>,
    /// What is not known all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Expected {
    /// Whether redirects are followed: unless one is what is expected.
    pub fn follows(&self) -> bool {
        !(300..400).contains(&self.status)
    }

    /// What is wrong with an answer, if anything.
    pub fn judge(&self, status: u16, body: &str) -> Option<String> {
        let wanted = self.status;
        if u32::from(status) != wanted {
            return Some(format!(
                "the status is {status}, not {wanted}: {}",
                one_line(body)
            ));
        }
        if let Some(text) = self.contains.as_deref().filter(|text| !body.contains(*text)) {
            return Some(format!("the answer does not hold `{text}`: {}", one_line(body)));
        }
        if self.json.is_empty() {
            return None;
        }
        let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
            return Some(format!("the answer is not JSON: {}", one_line(body)));
        };
        self.json.iter().find_map(|(name, wanted)| {
            let seen = match json.get(name) {
                None => return Some(format!("the answer has no `{name}`: {}", one_line(body))),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            (seen != *wanted).then(|| format!("`{name}` is `{}`, not `{wanted}`", one_line(&seen)))
        })
    }
}

/// An answer as one line.
pub(super) fn one_line(text: &str) -> String {
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

    fn expect(status: u32, json: &[(&str, &str)]) -> Expected {
        Expected {
            status,
            json: json
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
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
