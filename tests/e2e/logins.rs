//! Logins as servers want them: a second factor, an empty password, penalties, one session at a time.

use std::process::{Command, Stdio};

use hostwright::host::rehearsal::Image;

use crate::host::{Host, Run, base, run, wait_for};
use crate::images;

const PLAYBOOK: &str = "name: logins\nfiles: { /srv/file: { content: x } }\n";

fn host(config: &str) -> Option<Host> {
    let host = Host::of(&base()?);
    host.sh(&format!(
        "rm /etc/ssh/sshd_config.d/10-keys-only.conf; echo root:its-password | chpasswd
        printf '%s\\n' 'PermitRootLogin yes' {config} >/etc/ssh/sshd_config.d/10.conf; systemctl restart ssh"
    ));
    Some(host)
}

/// The error's line and help, unwrapped.
fn said(run: &Run) -> String {
    run.stderr.replace("\n  │ ", " ").replace("\n    ", " ")
}

#[track_caller]
fn refuses(run: &Run, words: &[&str]) {
    let said = said(run);
    assert_eq!(run.status, 1, "{said}");
    for words in words {
        assert!(said.contains(words), "{words} in\n{said}");
    }
}

//~ Password | a second factor: `AuthenticationMethods publickey,keyboard-interactive` | the code or password is asked for; with nobody to ask, the error says that the key was accepted and what is wanted besides
#[test]
fn a_second_factor_is_asked_for() {
    let config = "'AuthenticationMethods publickey,keyboard-interactive' 'KbdInteractiveAuthentication yes'";
    let Some(host) = host(config) else { return };
    let refused = run(&mut host.command("plan", PLAYBOOK));
    refuses(
        &refused,
        &[
            &format!(
                "accepted {} of root and wants keyboard-interactive besides",
                host.machine.identity().display()
            ),
            "but nobody is here to answer `Password`",
            "log in on a terminal",
        ],
    );
    run(host
        .command("plan", PLAYBOOK)
        .env("HOSTWRIGHT_SSH_PASSWORD", "its-password"))
    .ok();
    let wrong = run(host
        .command("plan", PLAYBOOK)
        .env("HOSTWRIGHT_SSH_PASSWORD", "wrong"));
    refuses(&wrong, &["of root and wants keyboard-interactive besides"]);
}

//~ Password | none at all: `PermitEmptyPasswords` | let in
#[test]
fn a_host_that_lets_everybody_in() {
    let Some(host) = host("'PermitEmptyPasswords yes' 'PasswordAuthentication yes'") else {
        return;
    };
    host.sh("passwd -qd root; rm -r /root/.ssh");
    run(&mut host.command("plan", PLAYBOOK)).ok();
}

//~ Server | `MaxSessions 1`, applies with checks and a step that must prove a new connection | as without
#[test]
fn applies_do_with_one_session() {
    let Some(host) = host("'MaxSessions 1'") else {
        return;
    };
    for number in 0..3 {
        host.converge(&format!(
            "name: one\nfiles: {{ /srv/file: {{ content: \"{number}\" }}, /etc/ssh/sshd_config.d/90.conf: {{ content: \"LoginGraceTime 9{number}\\n\" }} }}\n\
             checks: {{ there: {{ command: test -e /srv/file }}, too: {{ command: test -e /srv }} }}\n"
        ));
    }
}

fn trixie() -> Option<Image> {
    images::all()
        .into_iter()
        .find(|(name, ..)| *name == "Debian 13")
        .map(|(_, image, _)| image)
}

//~ Server | OpenSSH 10 with PerSourcePenalties, after many logins with a wrong key | says that sshd turns us away, why and for how long; `--wait` outlasts it
#[test]
fn penalties_are_named_and_outlasted() {
    let Some(image) = trixie() else { return };
    let host = Host::of(&image);
    let stranger = host.folder.path().join("stranger");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&stranger)
        .status();
    assert!(made.unwrap().success());
    let with_it = |command: Command| {
        let mut with_it = Command::new(command.get_program());
        let right = host.machine.identity().as_os_str();
        let words = command.get_args();
        with_it.args(words.map(|word| if word == right { stranger.as_os_str() } else { word }));
        run(&mut with_it)
    };
    let refused = (0..17).find_map(|_| {
        let refused = with_it(host.command("plan", PLAYBOOK));
        said(&refused).contains("turns us away").then_some(refused)
    });
    let right = run(&mut host.command("plan", PLAYBOOK));
    for turned_away in [&refused.expect("a penalty"), &right] {
        refuses(
            turned_away,
            &["`Not allowed at this time`", "PerSourcePenalties, 15 s to 10 min"],
        );
    }
    run(host.command("plan", PLAYBOOK).args(["--wait", "300"])).ok();
}

//~ Server | one that boots and lets only root in yet (pam_nologin) | said; `--wait` outlasts it
#[test]
fn a_host_that_boots_is_waited_for() {
    let Some(host) = host("'PasswordAuthentication no'") else {
        return;
    };
    host.sh("useradd -m ann; echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann; cp -r /root/.ssh /home/ann/; chown -R ann: /home/ann/.ssh
        echo 'System is booting up. Unprivileged users are not permitted to log in yet.' >/run/nologin");
    let path = host.file("playbook.yml", PLAYBOOK);
    refuses(
        &run(&mut host.command_as("ann", "plan", &path)),
        &["does not let ann in yet: System is booting up.", "--wait SECONDS"],
    );
    let mut plan = host.command_as("ann", "plan", &path);
    let waiting = plan.args(["--wait", "60"]).stdout(Stdio::null()).spawn();
    let mut waiting = waiting.expect("the program starts");
    let refused = "journalctl -q --no-pager | grep -c 'Access denied for user ann' || true";
    wait_for("a second try", || host.sh(refused) == "2");
    host.sh("rm /run/nologin");
    assert!(waiting.wait().expect("it ends").success());
}
