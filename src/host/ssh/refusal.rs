//! What a login shell prints before a script begins, and what it means when none does.

use std::time::Duration;

use super::command::BEGIN;
use super::error::SshError;
use super::login::Login;
use super::root;

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

    /// What wants a password, once for each time that it asked.
    pub fn questions(&self) -> Vec<String> {
        match self.over {
            true => Vec::new(),
            false => root::asked(&String::from_utf8_lossy(&self.before)),
        }
    }

    /// What was printed since we have begun to become root.
    fn of_root(&self) -> Vec<String> {
        let mark = |line: &String| line.contains(root::BEGINS);
        let mut lines = self.lines();
        match lines.iter().rposition(mark) {
            Some(at) => lines.split_off(at + 1),
            None => lines,
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = root::without_marks(&String::from_utf8_lossy(&self.before));
        let printable = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
        let lines = text.lines().map(|line| printable(line.trim()));
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// Why a script did not begin, when what should have begun it ended with `status`.
pub(super) fn ended(login: &Login, status: i32, output: &Noise, errors: &Noise) -> SshError {
    let Login { host, user, .. } = login;
    let (host, user) = (host.clone(), user.clone());
    let lines = errors.of_root();
    let find = |all: &[&str]| {
        let is_one = |line: &&String| all.iter().any(|words| line.contains(words));
        lines.iter().find(is_one).cloned()
    };
    if [output.lines(), lines.clone()]
        .concat()
        .iter()
        .any(|line| line.contains(EXPIRED))
    {
        return SshError::Expired { host, user };
    }
    if !login.is_root() {
        let tool = errors.questions().pop();
        if find(&["hostwright: no sudo"]).is_some() {
            return SshError::SudoMissing { host, user };
        }
        if let Some(cause) = find(&["must have a tty"]) {
            return SshError::SudoTerminal { host, cause };
        }
        if let Some(tool) = tool.clone().filter(|_| find(&WRONG).is_some()) {
            let owner = root::owner(&tool, &user).to_owned();
            return SshError::WrongRootPassword { host, tool, owner };
        }
        for (tool, words) in [("sudo", &SUDO_ASKS[..]), ("doas", &DOAS_ASKS), ("su", &SU_ASKS)] {
            if find(words).is_some() {
                let owner = root::owner(tool, &user).to_owned();
                let tool = tool.to_owned();
                return SshError::RootPassword {
                    host,
                    user,
                    tool,
                    owner,
                };
            }
        }
        if let Some(cause) = find(&SUDO_RULES) {
            return SshError::SudoRules { host, user, cause };
        }
        if let Some(cause) = find(&REFUSES) {
            return SshError::Sudo { host, user, cause };
        }
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
    let mut lines = [output.lines(), errors.lines()].concat();
    lines.retain(|line| line != root::BEGINS);
    match lines.is_empty() {
        true => "it said nothing".to_owned(),
        false => format!("it said: {}", lines.join("; ")),
    }
}

/// sshd's own words for a login that may only change its password (session.c, `do_pwchange`).
const EXPIRED: &str = "Password change required but no TTY available";

/// sudo 1.9 (`plugins/sudoers`), sudo-rs (`src/common/error.rs`) and su of util-linux.
const WRONG: [&str; 5] = [
    "incorrect password attempt",
    "Authentication failed",
    "Authentication failure",
    "try again",
    "incorrect authentication attempt",
];
const SUDO_ASKS: [&str; 4] = [
    "sudo: a password is required",
    "sudo: a terminal is required",
    "interactive authentication is required",
    "sudo: no password was provided",
];
const DOAS_ASKS: [&str; 2] = ["doas: Authentication required", "doas: Authorization required"];
const SU_ASKS: [&str; 2] = [
    "su: Authentication token manipulation error",
    "su: must be run from a terminal",
];

/// What sudo says when it allows other commands than ours.
const SUDO_RULES: [&str; 1] = ["is not allowed to execute"];

/// What says no to all.
const REFUSES: [&str; 7] = [
    "sudo: sorry, ",
    "is not in the sudoers file",
    "may not run sudo",
    "I'm sorry ",
    "doas: Operation not permitted",
    "su: Permission denied",
    "su: Authentication failure",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ssh::error::Named;
    use crate::host::ssh::root::Rooting;

    fn login(user: &str) -> Login {
        Login {
            host: Named::new("web", &"web"),
            user: user.into(),
            rooting: Rooting::default(),
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
        for (errors, expected) in [
            (
                "hostwright: no sudo, doas or su\n",
                "ann on web is not root, and there is no sudo, doas or su",
            ),
            (
                "oh no\nsudo: a password is required\n",
                "sudo on web wants the password of ann",
            ),
            (
                "sudo: interactive authentication is required\n",
                "sudo on web wants the password of ann",
            ),
            (
                "doas: Authorization required\n",
                "doas on web wants the password of ann",
            ),
            (
                "@@hostwright:sudo:password@@Sorry, try again.\nsudo: 1 incorrect password attempt\n",
                "sudo on web does not take the password of ann",
            ),
            (
                "@@hostwright:su:password@@Password: su: Authentication failure\n",
                "su on web does not take the password of root",
            ),
            (
                "Sorry, user ann is not allowed to execute '/usr/bin/env' as root on web.\n",
                "sudo on web lets ann run only some commands: Sorry, user ann is not allowed to execute '/usr/bin/env' as root on web.",
            ),
            (
                "ann is not in the sudoers file.\n",
                "ann on web may not become root: ann is not in the sudoers file.",
            ),
            (
                "Password change required but no TTY available.\n",
                "the password of ann on web has expired: it must be changed before anything else",
            ),
            (
                "sudo: a password is required\n@@hostwright:begin@@\nann is not in the sudoers file.\n",
                "ann on web may not become root: ann is not in the sudoers file.",
            ),
        ] {
            assert_eq!(end("ann", 1, "hello\n", errors), expected);
        }
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
