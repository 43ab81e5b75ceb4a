//! What a login shell prints before a script begins, and what it means when none does.

use std::time::Duration;

use super::command::BEGIN;
use super::error::SshError;
use super::login::Login;

/// As much is kept of what was printed.
const KEPT: usize = 4096;

/// One of the outputs, up to where the script begins.
#[derive(Debug, Default)]
pub(super) struct Noise {
    before: Vec<u8>,
    over: bool,
}

impl Noise {
    /// Whether the script has begun.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What the script itself printed.
    pub fn pass(&mut self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.over {
            return Some(bytes);
        }
        self.before.extend(bytes);
        let begin = BEGIN.as_bytes();
        let at = self
            .before
            .windows(begin.len())
            .position(|window| window == begin);
        if let Some(at) = at {
            self.over = true;
            let rest = self.before.split_off(at + begin.len());
            return (!rest.is_empty()).then_some(rest);
        }
        let surplus = self.before.len().saturating_sub(KEPT);
        self.before.drain(..surplus);
        None
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.before);
        let printable = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
        let lines = text.lines().map(|line| printable(line.trim()));
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// Why a script did not begin, when what should have begun it ended with `status`.
pub(super) fn ended(login: &Login, status: i32, output: &Noise, errors: &Noise) -> SshError {
    let Login { host, user } = login;
    let (host, user) = (host.clone(), user.clone());
    let lines = errors.lines();
    let no_sudo = |line: &String| line.contains("sudo: ") && line.ends_with("not found");
    if !login.is_root() && status == 127 && lines.iter().any(no_sudo) {
        return SshError::SudoMissing { host, user };
    }
    let refuses = |line: &&String| SUDO_REFUSES.iter().any(|words| line.contains(words));
    if !login.is_root()
        && let Some(cause) = lines.iter().find(refuses)
    {
        let cause = cause.clone();
        return SshError::SudoPassword { host, user, cause };
    }
    let said = said(output, errors);
    SshError::Shell {
        host,
        user,
        status,
        said,
    }
}

/// Why a script did not begin within `limit`.
pub(super) fn silent(login: &Login, limit: Duration, output: &Noise, errors: &Noise) -> SshError {
    SshError::Silent {
        host: login.host.clone(),
        user: login.user.clone(),
        seconds: limit.as_secs(),
        said: said(output, errors),
    }
}

/// Cloud images let root in to be told another name, and then to wait (cloud-init, `disable_root_opts`).
pub(super) fn another_user(login: &Login, output: &Noise) -> Option<SshError> {
    let lines = output.lines();
    let (_, named) = lines
        .iter()
        .find_map(|line| line.split_once("Please login as the user \""))?;
    let (other, _) = named.split_once("\" rather than the user")?;
    Some(SshError::AnotherUser {
        host: login.host.clone(),
        user: login.user.clone(),
        other: other.to_owned(),
    })
}

fn said(output: &Noise, errors: &Noise) -> String {
    let lines = [output.lines(), errors.lines()].concat();
    match lines.is_empty() {
        true => "it said nothing".to_owned(),
        false => format!("it said: {}", lines.join("; ")),
    }
}

/// What sudo says when it will not (sudo 1.9, `plugins/sudoers`).
const SUDO_REFUSES: [&str; 6] = [
    "sudo: a password is required",
    "sudo: a terminal is required",
    "sudo: sorry, ",
    "is not in the sudoers file",
    "may not run sudo",
    "is not allowed to execute",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str) -> Login {
        Login {
            host: "web".into(),
            user: user.into(),
        }
    }

    fn printed(text: &str) -> Noise {
        let mut noise = Noise::default();
        assert_eq!(noise.pass(text.into()), None);
        noise
    }

    #[test]
    fn what_comes_before_the_script_is_no_part_of_its_output() {
        let mut noise = Noise::default();
        assert_eq!(noise.pass(vec![b'x'; 10 * KEPT]), None);
        assert_eq!(noise.pass(b"Welcome@@host".into()), None);
        assert_eq!(noise.pass(b"wright@@\none".into()), Some(b"one".into()));
        assert_eq!(noise.pass(BEGIN.into()), Some(BEGIN.into()));
        assert!(noise.is_over());
    }

    #[test]
    fn every_reason_is_told_apart() {
        let end = |user: &str, status, output: &str, errors: &str| {
            ended(&login(user), status, &printed(output), &printed(errors)).to_string()
        };
        let missing = "ann on web is not root, and sudo is not installed there";
        for errors in [
            "sh: 1: exec: sudo: not found\n",
            "sh: line 1: exec: sudo: not found\n",
        ] {
            assert_eq!(end("ann", 127, "hello\n", errors), missing);
        }
        assert_eq!(
            end("ann", 1, "hello\n", "oh no\nsudo: a password is required\n"),
            "ann on web may not become root without a password: sudo: a password is required"
        );
        assert_eq!(
            end("root", 1, "This account is currently not available.\r\n", ""),
            "web does not run commands for root: its login shell ended with 1; \
             it said: This account is currently not available."
        );
        assert_eq!(
            end("root", 1, "", ""),
            "web does not run commands for root: its login shell ended with 1; it said nothing"
        );
    }

    #[test]
    fn a_cloud_image_names_the_user_to_log_in_as() {
        let words = "Please login as the user \"ubuntu\" rather than the user \"root\".\n\n";
        let refused = another_user(&login("root"), &printed(words)).expect("it is known");
        assert_eq!(
            refused.to_string(),
            "web lets root in only to say: log in as ubuntu"
        );
        assert!(another_user(&login("root"), &printed("Welcome\n")).is_none());
    }
}
