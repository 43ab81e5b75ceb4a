//! A text as nginx reads it.

/// A text as one word of nginx's, in quotes. Its variables are put in there too.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// A text as one word of nginx's, in quotes where it needs them.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:,=~".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}
