//! Where secrets come from, and what makes a value useless as one.

use std::path::Path;

use super::head::SecretSource;
use crate::language::template;
use crate::secret::SHORTEST;

/// A secret's value, or what is wrong with it and what to do.
pub(super) fn secret(source: &SecretSource, directory: &Path) -> Result<String, (String, String)> {
    let (what, value) = match (&source.env, &source.file) {
        (Some(name), None) => {
            let what = format!("the environment variable `{name}`");
            match std::env::var(&name.0) {
                Ok(value) => (what, value),
                Err(std::env::VarError::NotPresent) => {
                    return Err((format!("{what} is not set"), "set it, and run again".into()));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err((format!("{what} is not text in UTF-8"), "set it to text".into()));
                }
            }
        }
        (None, Some(file)) => {
            let path = directory.join(&file.0);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                (
                    format!("{} cannot be read: {error}", path.display()),
                    "make the file, readable for you alone".to_owned(),
                )
            })?;
            let value = text.strip_suffix('\n').unwrap_or(&text).to_owned();
            (format!("the file {}", path.display()), value)
        }
        _ => {
            return Err((
                "a secret has one source".into(),
                "write `{ env: NAME }` or `{ file: PATH }`".into(),
            ));
        }
    };
    let may_be_empty = source.empty.as_ref().is_some_and(|flag| flag.0);
    match mistake(&value) {
        None => Ok(value),
        Some(_) if may_be_empty && value.is_empty() => Ok(value),
        Some((mistake, help)) => Err((format!("{what} {mistake}"), help)),
    }
}

/// What makes a value useless as a secret, and what to do.
fn mistake(value: &str) -> Option<(&'static str, String)> {
    let several_lines = value.trim_end_matches('\n').contains('\n');
    let (mistake, help) = if value.is_empty() {
        (
            "is empty",
            "give it a value, or say `empty: true` where it may be empty".into(),
        )
    } else if value.trim().is_empty() {
        ("holds nothing but blanks", "give it a value".into())
    } else if value.starts_with('\u{feff}') {
        (
            "begins with a byte order mark",
            "save it as UTF-8 without one".into(),
        )
    } else if value.ends_with('\r') || value.contains("\r\n") {
        (
            "has a carriage return at a line's end, as Windows writes it",
            "take it out: `tr -d '\\r'`".into(),
        )
    } else if value.ends_with('\n') && !several_lines {
        ("ends with a newline too many", "take it out".into())
    } else if value.contains('\0') {
        ("holds a zero byte", "give it as text".into())
    } else if value.len() < SHORTEST {
        (
            "is too short to be hidden in what is shown",
            format!("a secret has at least {SHORTEST} characters; what is none belongs under `vars`"),
        )
    } else {
        return None;
    };
    Some((mistake, help))
}

/// What is likely to be a mistake in a secret, and may be meant.
pub(super) fn remarks(value: &str, text: &str) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if value.trim_matches([' ', '\t']) != value {
        remarks.push("begins or ends with a blank");
    }
    if !value.is_empty() && (text.contains(value) || template::shipped_hold(value)) {
        remarks
            .push("stands in the playbook or a template as plain text: whatever holds it counts as secret");
    }
    remarks
}
