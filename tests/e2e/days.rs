//! The days after: commands that need a host alone, which knows what was applied to it.

use crate::host::{Host, run};

const CHECKED: &str = r#"
name: days
secrets:
  key: { env: KEY }
files:
  /srv/answer: { content: "42\n" }
checks:
  answer: { command: "grep -q 42 /srv/answer", within: 1s }
  secret: { command: "test ${key} != other", within: 1s }
"#;
const KEY: &str = "a-key-that-nobody-sees";

#[test]
fn verify_runs_the_checks_of_what_was_applied_last() {
    let Some(host) = Host::boot() else { return };
    let verify = || run(host.bare("verify").env("KEY", KEY));
    let none = verify();
    assert_eq!(none.status, 1);
    assert!(none.text().contains("remembers no apply"), "{}", none.stderr);

    run(host.command("apply", CHECKED).env("KEY", KEY)).ok();
    let right = verify().ok().stdout;
    assert!(right.contains("Generation 1 of days has 2 checks."), "{right}");
    assert!(right.contains("✓ check answer"), "{right}");
    assert!(right.contains("2 checks passed"), "{right}");

    host.sh("echo 41 >/srv/answer");
    let wrong = verify();
    assert_eq!(wrong.status, 1);
    assert!(
        wrong.stdout.contains("✗ check answer: it ended with 1"),
        "{}",
        wrong.stdout
    );
    assert!(wrong.stderr.contains("1 of 2 checks failed"), "{}", wrong.stderr);
    assert_eq!(host.sh("cat /srv/answer"), "41", "it changes nothing");
}

#[test]
fn exec_runs_a_command_as_root_and_passes_its_status_on() {
    let Some(host) = Host::boot() else { return };
    let exec = |words: &[&str]| run(host.bare("exec").arg("--").args(words));
    let words = exec(&["printf", "%s|", "a b", "$HOME", "it's"]).ok();
    assert_eq!(words.stdout, "a b|$HOME|it's|");
    let line = exec(&["id -u; echo no >&2; cat; exit 7"]);
    assert_eq!((line.status, &*line.stdout, &*line.stderr), (7, "0\n", "no\n"));
    assert_eq!(exec(&["kill -9 $$"]).status, 137);

    host.sh("useradd -m -s /bin/bash ann && echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann");
    host.sh("cp -r /root/.ssh /home/ann/ && chown -R ann: /home/ann/.ssh");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command.arg("exec").arg(format!("ann@{}", host.machine.address()));
    command.arg("--identity").arg(host.machine.identity());
    command.arg("--known-hosts").arg(host.machine.known_hosts());
    command
        .args(["--", "id", "-un"])
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null());
    assert_eq!(run(&mut command).ok().stdout, "root\n");
}

#[test]
fn ssh_is_the_systems_and_knows_the_way() {
    let Some(host) = Host::boot() else { return };
    let mut ssh = host.bare("ssh");
    ssh.args(["--", "echo $((6 * 7)); exit 3"]);
    let ssh = run(&mut ssh);
    assert_eq!((ssh.status, &*ssh.stdout), (3, "42\n"), "{}", ssh.stderr);
}
