//! Values that must never be shown: in a diff, a log, a journal or an error.

use serde_json::Value;

/// The secret values of one playbook. Its `Debug` shows only how many there are.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Vec<String>,
}

/// What stands where a secret stood.
pub const HIDDEN: &str = "(secret)";

/// A value shorter than this is not searched for in output: it would hide half of every line.
pub const SHORTEST: usize = 4;

impl Secrets {
    /// Remembers a value. Empty ones are nobody's secret.
    pub fn add(&mut self, value: &str) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        // As it stands between quotes, and in files in which `%` means something (supervisor's, cron's).
        let forms = [
            value,
            &escaped,
            &value.replace('%', "%%"),
            &value.replace('%', "\\%"),
        ];
        for form in forms {
            if !form.is_empty() && !self.values.iter().any(|known| known == form) {
                self.values.push(form.to_owned());
            }
        }
        // The longest first, so that a secret that holds another is hidden whole.
        self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// Remembers those of others, too.
    pub fn extend(&mut self, others: &Self) {
        others.values.iter().for_each(|value| self.add(value));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether `bytes` hold a secret value.
    pub fn taint(&self, bytes: &[u8]) -> bool {
        self.values.iter().any(|value| {
            bytes
                .windows(value.len())
                .any(|window| window == value.as_bytes())
        })
    }

    /// What must not be shown, the longest first: the values, and each line of those that have several.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let parts = self
            .values
            .iter()
            .flat_map(|value| std::iter::once(value.as_str()).chain(value.lines()));
        let mut parts: Vec<&str> = parts.filter(|part| part.len() >= SHORTEST).collect();
        // A line of one form may stand in another form, which then would not be found whole.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.into_iter()
    }

    /// Replaces every secret value in every text of a JSON value by [`HIDDEN`].
    pub fn redact_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_json(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.redact_json(value)),
            _ => {}
        }
    }

    /// `text` with every secret value replaced by [`HIDDEN`].
    pub fn redact(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for part in self.parts() {
            if shown.contains(part) {
                shown = shown.replace(part, HIDDEN);
            }
        }
        shown
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_hidden_and_the_longer_secret_wins() {
        let mut secrets = Secrets::default();
        secrets.add("hunter");
        secrets.add("hunter22");
        assert_eq!(secrets.redact("a hunter22 b hunter c"), "a (secret) b (secret) c");
        assert!(secrets.taint(b"x=hunter22\n"));
        assert!(!secrets.taint(b"x=hunt\n"));
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn a_secret_is_known_as_it_is_escaped_in_a_file() {
        let mut secrets = Secrets::default();
        secrets.add(r#"50%"a\b"#);
        assert!(secrets.taint(br#"TOKEN='50%%"a\b'"#));
        assert_eq!(
            secrets.redact(r#"{"token": "50%\"a\\b"}"#),
            r#"{"token": "(secret)"}"#
        );
    }

    #[test]
    fn a_line_of_an_escaped_form_does_not_hide_the_whole_from_the_search() {
        let mut secrets = Secrets::default();
        secrets.add("a\"b\nsecond line");
        assert_eq!(secrets.redact("got a\"b\nsecond line!"), "got (secret)!");
    }

    #[test]
    fn a_secret_is_hidden_however_json_would_escape_it() {
        let mut secrets = Secrets::default();
        secrets.add("a\"b\nsecond line");
        let mut value = serde_json::json!({ "x": ["got a\"b\nsecond line!"], "y": { "z": "second line" } });
        secrets.redact_json(&mut value);
        let text = value.to_string();
        assert!(
            !text.contains("second") && text.contains("got (secret)!"),
            "{text}"
        );
    }

    #[test]
    fn each_line_of_a_key_is_hidden() {
        let mut secrets = Secrets::default();
        secrets.add("BEGIN\nabcdef\nEND!");
        assert_eq!(secrets.redact("got abcdef"), "got (secret)");
    }
}
