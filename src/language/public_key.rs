//! Lines of an `authorized_keys` file (sshd(8), AUTHORIZED_KEYS FILE FORMAT), checked before they reach a host: sshd
//! passes over a line that it cannot read, and says so in its log alone.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

use crate::change::digest;

/// Sorts of keys that sshd takes. That it no longer takes `ssh-dss` is said apart.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

/// Options that are words, and those that have a value.
const WORDS: [&str; 14] = [
    "agent-forwarding",
    "cert-authority",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "port-forwarding",
    "pty",
    "restrict",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];
const VALUES: [&str; 8] = [
    "command",
    "environment",
    "expiry-time",
    "from",
    "permitlisten",
    "permitopen",
    "principals",
    "tunnel",
];

/// Checks a line, and writes its parts one blank apart.
///
/// # Errors
/// What of it sshd would not take.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("PRIVATE KEY") {
        return Err("this is a private key: the public one stands in the file that ends with `.pub`".into());
    }
    if text.chars().any(char::is_control) {
        return Err("a key is one line, as it stands in the file that ends with `.pub`".into());
    }
    let (options, rest) = parts(text)?;
    check_options(options)?;
    let mut words = rest.splitn(3, ' ').map(str::trim);
    let kind = words.next().unwrap_or_default();
    if kind == "ssh-dss" {
        return Err(
            "sshd takes no DSA keys (`ssh-dss`) any more: make one with `ssh-keygen -t ed25519`".into(),
        );
    }
    if !TYPES.contains(&kind) {
        return Err(format!(
            "`{kind}` is no sort of key that sshd takes: a line is `ssh-ed25519 AAAA… comment`, with options before it"
        ));
    }
    let rest = words.collect::<Vec<_>>().join(" ");
    let (blob, comment) = rest
        .trim_start()
        .split_once(' ')
        .unwrap_or((rest.trim_start(), ""));
    if blob.is_empty() {
        return Err(format!("the key itself is missing behind `{kind}`"));
    }
    check_blob(kind, blob)?;
    let all = [options, kind, blob, comment.trim()];
    Ok(all
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" "))
}

/// A line's options (nothing where it begins with the sort of its key) and what follows them.
fn parts(text: &str) -> Result<(&str, &str), String> {
    let blank = [' ', '\t'];
    let first = text.split(blank).next().unwrap_or_default();
    if is_type(first) || first == "ssh-dss" {
        return Ok(("", text));
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            // Before anything else it is itself (`sshkey_advance_past_options` in sshd's `sshkey.c`).
            '\\' if text[at + 1..].starts_with('"') => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                let rest = text[at..].trim_start();
                // Without a key behind it this was meant as the sort of one.
                let key = is_type(rest.split(blank).next().unwrap_or_default());
                return Ok(if key { (&text[..at], rest) } else { ("", text) });
            }
            _ => {}
        }
    }
    match quoted {
        true => Err("an option's value has no second `\"`".into()),
        false => Ok(("", text)),
    }
}

fn is_type(word: &str) -> bool {
    TYPES.contains(&word)
}

fn check_options(options: &str) -> Result<(), String> {
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    let mut each = Vec::new();
    for (at, c) in options.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if options[at + 1..].starts_with('"') => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                each.push(&options[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !options.is_empty() {
        each.push(&options[start..]);
    }
    for option in each {
        let (name, value) = option
            .split_once('=')
            .map_or((option, None), |(name, value)| (name, Some(value)));
        let known = name.to_ascii_lowercase();
        let whole = |value: &str| value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        match value {
            None if WORDS.contains(&&*known) => {}
            Some(value) if VALUES.contains(&&*known) && whole(value) => {}
            _ if VALUES.contains(&&*known) => {
                return Err(format!(
                    "the option `{name}` has its value in quotes: `{name}=\"…\"`"
                ));
            }
            _ => {
                return Err(format!(
                    "`{option}` is no option of a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT)"
                ));
            }
        }
    }
    Ok(())
}

/// Whether the key's own bytes say what sort it is (RFC 4253, section 6.6), and are whole.
fn check_blob(kind: &str, blob: &str) -> Result<(), String> {
    let bytes =
        decode(blob).ok_or_else(|| format!("the key behind `{kind}` is no base64: was it copied whole?"))?;
    let mut rest = &bytes[..];
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let field = rest.split_first_chunk::<4>().and_then(|(size, after)| {
            let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
            after.split_at_checked(size)
        });
        let Some((field, after)) = field else {
            return Err(format!(
                "the key behind `{kind}` ends too early: was it copied whole?"
            ));
        };
        fields.push(field);
        rest = after;
    }
    match (fields.first(), kind, fields.get(1).map(|key| key.len())) {
        (Some(own), ..) if *own != kind.as_bytes() => Err(format!(
            "the line says `{kind}`, and the key itself `{}`",
            String::from_utf8_lossy(own).chars().take(40).collect::<String>()
        )),
        (Some(_), "ssh-ed25519", Some(size)) if size != 32 => {
            Err(format!("a key of {kind} has 32 bytes, and this one {size}"))
        }
        (Some(_), _, Some(_)) => Ok(()),
        _ => Err(format!(
            "the key behind `{kind}` ends too early: was it copied whole?"
        )),
    }
}

fn decode(blob: &str) -> Option<Vec<u8>> {
    let blob = blob.trim_end_matches('=');
    BASE64_STANDARD_NO_PAD.decode(blob).ok()
}

/// The key of a line in its base64: two lines that have the same one let the same person in. Nothing where the line is
/// none of a key's: a remark, or what sshd passes over.
pub(crate) fn key(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (_, rest) = parts(line).ok()?;
    let mut words = rest.split_whitespace();
    words.next().filter(|kind| is_type(kind))?;
    words.next().filter(|blob| decode(blob).is_some())
}

/// A line's key in a few words: its sort, its fingerprint as `ssh-keygen -l` prints it, and its comment.
pub(crate) fn told(line: &str) -> String {
    let Some(key) = key(line) else {
        return line.to_owned();
    };
    let (before, comment) = line.split_once(key).unwrap_or((line, ""));
    let kind = before.split_whitespace().last().unwrap_or_default();
    format!("{kind} {} {}", fingerprint(key), comment.trim())
        .trim_end()
        .to_owned()
}

/// The fingerprint of a key, as `ssh-keygen -l` prints it.
fn fingerprint(key: &str) -> String {
    let bytes = decode(key).unwrap_or_default();
    format!(
        "SHA256:{}",
        BASE64_STANDARD.encode(digest(&bytes)).trim_end_matches('=')
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIExEJ63L/hkFsYrkj99WScaBmNzDLHdqZb5ziuF6OlKW";

    fn wrong(line: &str) -> String {
        parse(line).expect_err(line)
    }

    #[test]
    fn lines_are_read_as_sshd_reads_them() {
        let plain = format!("ssh-ed25519 {ED} ann@laptop");
        assert_eq!(
            parse(&format!(" ssh-ed25519  {ED}   ann@laptop ")),
            Ok(plain.clone())
        );
        let with = format!("restrict,command=\"echo \\\"a, b\\\" c\",from=\"10.0.0.0/8\" {plain}");
        assert_eq!(parse(&with), Ok(with.clone()));
        let tabs = format!("restrict\tssh-ed25519\t{ED}\tann");
        let escaped = format!("command=\"C:\\\\\" ssh-rsa AAAA\" ssh-ed25519 {ED} ann");
        for line in [&plain, &with, &tabs, &escaped] {
            assert_eq!(key(line), Some(ED), "{line}");
        }
        assert_eq!(key(&format!("# {plain}")), None);
        assert_eq!(
            told(&with),
            "ssh-ed25519 SHA256:7p9Atan6CoFDnYf8j6kMU91Xd/aHEUkscor9eLAP+u0 ann@laptop"
        );
    }

    #[test]
    fn what_sshd_would_pass_over_is_said() {
        for (line, words) in [
            (format!("ssh-ed25519 {}", &ED[..40]), "ends too early"),
            (format!("ssh-ed25519 {}*", &ED[..40]), "no base64"),
            (format!("ssh-rsa {ED}"), "the key itself `ssh-ed25519`"),
            (format!("ssh-dss {ED}"), "no DSA keys"),
            (format!("ed25519 {ED}"), "`ed25519` is no sort of key"),
            (
                format!("norestrict ssh-ed25519 {ED}"),
                "`norestrict` is no option",
            ),
            (format!("command=ls ssh-ed25519 {ED}"), "in quotes"),
            (format!("command=\"ls ssh-ed25519 {ED}"), "no second"),
            ("ssh-ed25519".into(), "the key itself is missing"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".into(), "private key"),
            (format!("ssh-ed25519 {ED}\nssh-ed25519 {ED}"), "one line"),
        ] {
            assert!(wrong(&line).contains(words), "{words} in {}", wrong(&line));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "(ssh-ed25519|restrict|command=\"|\\\\|\"|,| |AAAA[A-Za-z0-9+/=]{0,60}|\\PC{0,9}){0,9}") {
            let _ = (parse(&line), key(&line), told(&line));
        }
    }
}
