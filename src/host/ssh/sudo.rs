//! Running a command as root when the remote user is another.

use super::error::SshError;

/// The command as the login shell of a user with sudo must be given it.
///
/// sudo drops SSH_CONNECTION, which tells the command whom it must not cut off. LC_ALL makes sudo's
/// own messages readable for [`refusal`]; the command does not see it.
pub(super) fn wrap(command: &str) -> String {
    let quoted = command.replace('\'', r"'\''");
    format!("env LC_ALL=C sudo -n -- env -u LC_ALL SSH_CONNECTION=\"$SSH_CONNECTION\" sh -c '{quoted}'")
}

/// Whether a wrapped command ended with `status` because there was no way to become root.
/// `errors` is the beginning of what it printed on stderr; it must have printed nothing else.
pub(super) fn refusal(host: &str, user: &str, status: i32, errors: &[u8]) -> Option<SshError> {
    let errors = String::from_utf8_lossy(errors);
    let (host, user) = (host.to_owned(), user.to_owned());
    match status {
        127 if errors
            .lines()
            .any(|line| line.starts_with("env:") && line.contains("sudo")) =>
        {
            Some(SshError::SudoMissing { host, user })
        }
        1 => {
            let cause = errors
                .lines()
                .find(|line| REFUSALS.iter().any(|words| line.contains(words)))?;
            Some(SshError::SudoPassword {
                host,
                user,
                cause: cause.to_owned(),
            })
        }
        _ => None,
    }
}

/// What sudo says when it will not (sudo 1.9, `plugins/sudoers`).
const REFUSALS: [&str; 6] = [
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
    use std::io::Write;
    use std::process::{Command, Output, Stdio};

    fn run(mut shell: Command, input: &str) -> Output {
        shell
            .env("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22")
            .env("LC_ALL", "C.UTF-8");
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The real sudo is asked; without it and root there is nothing to ask.
    fn sudo_works() -> bool {
        let works = Command::new("sudo")
            .args(["-n", "true"])
            .status()
            .is_ok_and(|status| status.success());
        if !works {
            println!("skipped: needs root and sudo");
        }
        works
    }

    #[test]
    fn quotes_standard_input_and_ssh_connection_reach_the_command() {
        if !sudo_works() {
            return;
        }
        let command =
            r#"printf '%s|' "it's" '$HOME' "$SSH_CONNECTION" "${LC_ALL-unset}"; id -u; cat; exit 7"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", &wrap(command)]);
        let output = run(shell, "input");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text, "it's|$HOME|192.0.2.1 5 192.0.2.2 22|unset|0\ninput");
        assert_eq!(output.status.code(), Some(7));
    }

    #[test]
    fn a_user_without_rights_is_told_apart() {
        if !sudo_works() {
            return;
        }
        let mut shell = Command::new("setpriv");
        shell.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sh",
            "-c",
            &wrap("true"),
        ]);
        let output = run(shell, "");
        let refused = refusal("web", "ann", output.status.code().unwrap(), &output.stderr);
        let Some(SshError::SudoPassword { cause, .. }) = refused else {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        };
        assert_eq!(cause, "sudo: a password is required");
    }

    #[test]
    fn a_host_without_sudo_is_told_apart() {
        let tools = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", tools.path().join("env")).unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &wrap("true")]).env("PATH", tools.path());
        let output = run(shell, "");
        let refused = refusal("web", "ann", output.status.code().unwrap(), &output.stderr);
        assert!(
            matches!(refused, Some(SshError::SudoMissing { .. })),
            "{output:?}"
        );
    }

    #[test]
    fn a_command_that_fails_by_itself_is_no_refusal() {
        assert!(refusal("web", "ann", 1, b"grep: no such file\n").is_none());
        assert!(refusal("web", "ann", 127, b"sh: 1: frobnicate: not found\n").is_none());
        assert!(refusal("web", "ann", 0, b"sudo: a password is required\n").is_none());
    }
}
