//! A script for the host's sh, as the command line that a login shell is given: the one place where something is
//! said to a login shell.
//!
//! It may be bash, fish, csh, a restricted or an odd one, so it sees nothing of the script. All of them read
//! letters, digits, `+`, `/` and `=` as they stand, and text in single quotes that holds no quote, backslash, `!`
//! or line break. The script travels in the former: compressed, in base64, in words that no shell is too small for.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::root::{self, Become};

/// A script that runs on a host as root, and its input.
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    input: Input,
}

#[derive(Clone, Debug)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    /// Its input is the script.
    Script,
}

impl Script {
    /// One that everyone on the host may read, and that reads nothing.
    pub fn open(text: impl Into<String>) -> Self {
        let (text, input) = (text.into(), Input::Nothing);
        Self { text, input }
    }

    /// One that everyone on the host may read, and what it reads. It must be short.
    pub fn fed(text: impl Into<String>, bytes: Vec<u8>) -> Self {
        let (text, input) = (text.into(), Input::Bytes(bytes));
        Self { text, input }
    }

    /// One that stands in no process list and no log. It must not read its input.
    pub fn hidden(text: impl Into<String>) -> Self {
        let (text, input) = (text.into(), Input::Script);
        Self { text, input }
    }
}

/// Who runs a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// The remote user is root.
    Root,
    /// The remote user becomes root. A password can be given if `can_answer`.
    Becoming { how: Become, can_answer: bool },
    /// The remote user, whoever that is.
    User,
}

/// What is sent for a script.
#[derive(Debug)]
pub(super) struct Sent {
    /// The command line.
    pub line: String,
    /// What goes to its standard input, once the script's sh is there.
    pub stdin: Vec<u8>,
    /// Until then its input stays open: a password may be asked for.
    pub waits: bool,
}

/// What sh prints on both outputs before the script begins; what a login shell prints comes before it.
pub(super) const BEGIN: &str = "@@hostwright@@\n";

/// The same as a command of sh. It stands in quotes.
const SAY_BEGIN: &str = "echo @@hostwright@@; echo @@hostwright@@ >&2";

/// The environment is set before the script's sh starts: some count characters by the locale that they start in.
const ENVIRONMENT: &str = crate::layout::ENVIRONMENT;

/// A word of this length is too long for Linux (execve(2), MAX_ARG_STRLEN); a command line is one for sshd.
const TOO_LONG: usize = 128 * 1024;

/// BSD's csh takes no word of 1024 bytes.
const WORD: usize = 1000;

impl Script {
    /// As words of the command a script saves a round trip: sshd takes no input before the command has begun.
    /// sudo would write it into its log.
    pub(super) fn sent(self, runs: As) -> io::Result<Sent> {
        let is_root = !matches!(runs, As::Becoming { .. });
        let words = words(&self.text)?;
        let is_long = self.text.len().max(words.len()) + WORD > TOO_LONG;
        let (run, words, stdin) = match self.input {
            Input::Bytes(bytes) => (DECODE, words, bytes),
            Input::Nothing if is_root && !is_long => (DECODE, words, Vec::new()),
            Input::Nothing | Input::Script => (READ, String::new(), self.text.into_bytes()),
        };
        let line = match runs {
            As::Root | As::User => {
                let run = run.replace("BEGIN", SAY_BEGIN);
                format!("sh -c 'export {ENVIRONMENT}; exec {run}' sh {words}")
            }
            As::Becoming { how, can_answer } => {
                let program = pack(&root::program(how, can_answer))?;
                let parts = program.as_bytes().chunks(WORD).map(String::from_utf8_lossy);
                let program = parts.collect::<Vec<_>>().join(" ");
                format!("sh -c 'export {ENVIRONMENT}; {BECOME}' sh {program} . {words}")
            }
        };
        Ok(Sent {
            line: line.trim_end().to_owned(),
            stdin,
            waits: !is_root,
        })
    }
}

/// Runs the script that the words hold.
const DECODE: &str = r#"sh -c "BEGIN; $(printf %s "$@" | base64 -d | gzip -d)""#;

/// Runs the script on stdin.
const READ: &str = r#"sh -c "BEGIN; exec sh -s""#;

/// Runs the program that the words up to a dot hold; those after it are its arguments.
const BECOME: &str = r#"program=; until [ "$1" = . ]; do program=$program$1; shift; done; shift; exec sh -c "$(printf %s "$program" | base64 -d | gzip -d)" sh "$@""#;

fn pack(text: &str) -> io::Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes())?;
    Ok(BASE64_STANDARD.encode(gzip.finish()?))
}

fn words(text: &str) -> io::Result<String> {
    let text = pack(text)?;
    let words = text.as_bytes().chunks(WORD).map(String::from_utf8_lossy);
    Ok(words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Output, Stdio};

    fn run(shell: &str, sent: &Sent) -> Output {
        let mut words = shell.split(' ');
        let mut child = Command::new(words.next().expect("a shell"))
            .args(words)
            .args(["-c", &sent.line])
            .env("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&sent.stdin).expect("it is read");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// What a script says in a shell, behind what begins it.
    fn said(output: &Output) -> String {
        let text = String::from_utf8_lossy(&output.stdout);
        let (_, text) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{output:?}"));
        assert!(output.stderr.ends_with(BEGIN.as_bytes()), "{output:?}");
        text.to_owned()
    }

    /// The shells of Debian that this machine has.
    fn shells() -> Vec<&'static str> {
        let all = [
            "bash",
            "bash -r",
            "dash",
            "zsh",
            "fish",
            "tcsh",
            "bsd-csh",
            "ksh",
            "mksh",
            "yash",
            "rc",
            "busybox sh",
        ];
        let is_there = |shell: &&str| {
            let name = shell.split(' ').next().unwrap_or(shell);
            ["/bin", "/usr/bin"]
                .iter()
                .any(|folder| std::path::Path::new(folder).join(name).exists())
        };
        all.into_iter().filter(is_there).collect()
    }

    const SUDO: As = As::Becoming {
        how: Become::Plainly,
        can_answer: false,
    };

    const AWKWARD: &str =
        "printf '%s|' \"it's\" '!x' 'a\\b' \"$SSH_CONNECTION\" \"$LC_ALL\" é\nif true; then id -u; fi\n";
    const ITS_WORDS: &str = "it's|!x|a\\b|192.0.2.1 5 192.0.2.2 22|C|é|0\n";

    #[test]
    fn every_shell_hands_the_script_on_as_it_is() {
        // It does not compress: many words.
        let long: String = (0..3000_u32)
            .map(|n| format!(": {}\n", crate::change::sha256(&n.to_le_bytes())))
            .collect();
        let long = long.get(..100_000).expect("long").to_owned() + "\n";
        for shell in shells() {
            for before in ["", &long] {
                let script = format!("{before}{AWKWARD}");
                let open = Script::open(script.clone()).sent(As::Root).expect("packed");
                assert!(open.stdin.is_empty() && open.line.lines().count() == 1);
                assert_eq!(said(&run(shell, &open)), ITS_WORDS, "{shell}");
                let hidden = Script::hidden(script.clone()).sent(As::Root).expect("packed");
                assert_eq!(said(&run(shell, &hidden)), ITS_WORDS, "{shell}");
                let fed = Script::fed(format!("{script}cat; exit 7"), b"in'put".into());
                let output = run(shell, &fed.sent(As::Root).expect("packed"));
                assert_eq!(said(&output), format!("{ITS_WORDS}in'put"), "{shell}");
                assert_eq!(output.status.code(), Some(7), "{shell}");
            }
        }
    }

    #[test]
    fn every_shell_sees_plain_words_and_one_kind_of_quotes() {
        for runs in [As::Root, SUDO, As::User] {
            for script in [
                Script::open(AWKWARD),
                Script::hidden(AWKWARD),
                Script::fed(AWKWARD, vec![0]),
            ] {
                let line = script.sent(runs).expect("packed").line;
                let parts: Vec<&str> = line.split('\'').collect();
                let [before, quoted, after] = parts[..] else {
                    panic!("{line}")
                };
                assert!(!quoted.contains(['\\', '!', '\n']), "{quoted}");
                let plain = |c: char| c.is_ascii_alphanumeric() || "+/= -.".contains(c);
                assert!(before.chars().chain(after.chars()).all(plain), "{line}");
                assert!(after.split(' ').all(|word| word.len() < 1024), "{line}");
            }
        }
    }

    #[test]
    fn a_script_that_is_no_word_goes_in_by_stdin() {
        let long = "x".repeat(TOO_LONG);
        for (script, runs) in [
            (Script::hidden(AWKWARD), As::Root),
            (Script::open(AWKWARD), SUDO),
            (Script::open(long), As::Root),
        ] {
            let text = script.text.clone();
            assert_eq!(script.sent(runs).expect("packed").stdin, text.into_bytes());
        }
    }

    #[test]
    fn sudo_passes_on_what_a_script_needs() {
        let sudo = Command::new("sudo").args(["-n", "true"]).status();
        if !sudo.is_ok_and(|status| status.success()) {
            println!("skipped: needs root and sudo");
            return;
        }
        for shell in shells() {
            let open = Script::open(AWKWARD).sent(SUDO).expect("packed");
            assert_eq!(said(&run(shell, &open)), ITS_WORDS, "{shell}");
            let fed = Script::fed(format!("{AWKWARD}cat; exit 7"), b"in'put".into());
            let output = run(shell, &fed.sent(SUDO).expect("packed"));
            assert_eq!(said(&output), format!("{ITS_WORDS}in'put"), "{shell}");
            assert_eq!(output.status.code(), Some(7), "{shell}");
        }
    }
}
