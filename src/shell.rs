//! Quoting for POSIX sh: whatever is quoted here reaches the host as data, never as syntax.

/// Quotes `text` as one word of POSIX sh. Plain words stay as they are, so that programs stay readable.
pub fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes each word and joins them with blanks.
pub fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(
            quote("/etc/nginx/sites-available/x"),
            "/etc/nginx/sites-available/x"
        );
        assert_eq!(quote(""), "''");
        assert_eq!(words(["a b", "c"]), "'a b' c");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sh_reads_back_what_was_quoted(text in "[^\u{0}]{0,40}") {
            let script = format!("printf %s {}", quote(&text));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().expect("sh runs");
            prop_assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
