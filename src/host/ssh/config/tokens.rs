//! What values of the configuration are written in: times, and names of files with tokens in them.

use std::env;

/// Seconds, also in the form `1h30m` (sshd_config(5), TIME FORMATS).
pub(super) fn seconds(text: &str) -> Option<u32> {
    let (mut total, mut number) = (0_u32, None::<u32>);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match (text.is_empty(), number) {
        (true, _) => None,
        (false, number) => total.checked_add(number.unwrap_or(0)),
    }
}

/// What may stand in the names of files (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    pub home: &'a str,
    pub values: &'a [(char, &'a str)],
}

impl Tokens<'_> {
    /// None if something in it has no value here.
    pub fn expand(&self, text: &str) -> Option<String> {
        let mut rest = text;
        let mut expanded = String::with_capacity(text.len());
        if let Some(below) = rest.strip_prefix('~') {
            // Of another user.
            if !below.is_empty() && !below.starts_with('/') {
                return None;
            }
            expanded.push_str(self.home);
            rest = below;
        }
        while let Some(at) = rest.find(['%', '$']) {
            expanded.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(token) = rest.strip_prefix('%') {
                let name = token.chars().next()?;
                let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
                expanded.push_str(value);
                rest = &token[name.len_utf8()..];
            } else if let Some((name, after)) = rest.strip_prefix("${").and_then(|name| name.split_once('}'))
            {
                expanded.push_str(&env::var(name).ok()?);
                rest = after;
            } else {
                expanded.push('$');
                rest = &rest[1..];
            }
        }
        expanded.push_str(rest);
        Some(expanded)
    }

    /// A command for a shell, which sees to all but the tokens; none if one has no value here.
    pub fn command(&self, text: &str) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, token)) = rest.split_once('%') {
            let name = token.chars().next()?;
            let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
            expanded.push_str(before);
            expanded.push_str(value);
            rest = &token[name.len_utf8()..];
        }
        expanded.push_str(rest);
        Some(expanded)
    }
}
