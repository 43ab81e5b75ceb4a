//! How a user becomes root on the hosts that people have.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::host::{Host, Run, run};
use crate::images;

/// As a program of the host's: it writes a file that only root may, and notes what it was told.
const PLAYBOOK: &str = "name: root\nfiles: { /srv/file: { content: \"it's here\\n\", mode: 0600 } }\n";

/// A user with a password who may log in with the harness's key.
fn user(host: &Host, name: &str) {
    host.sh(&format!(
        "id -u {name} >/dev/null 2>&1 || useradd -m -s /bin/bash {name}
        echo {name}:its-password | chpasswd
        mkdir -p /home/{name}/.ssh
        sed 's/.*\\(ssh-ed25519 \\)/\\1/' /root/.ssh/authorized_keys >/home/{name}/.ssh/authorized_keys
        chown -R {name}: /home/{name}/.ssh; chmod 700 /home/{name}/.ssh"
    ));
}

fn command(host: &Host, user: &str, verb: &str) -> Command {
    let path = host.file("playbook.yml", PLAYBOOK);
    host.command_as(user, verb, &path)
}

fn with_password(host: &Host, user: &str, verb: &str, password: &str) -> Run {
    run(command(host, user, verb).env("HOSTWRIGHT_SUDO_PASSWORD", password))
}

/// The error's line and help, unwrapped.
fn said(run: &Run) -> String {
    run.stderr.replace("\n  │ ", " ").replace("\n    ", " ")
}

#[track_caller]
fn refuses(run: Run, words: &[&str]) {
    let said = said(&run);
    assert_eq!(run.status, 1, "{said}");
    for words in words {
        assert!(said.contains(words), "{words} in\n{said}");
    }
}

/// It applies, and nothing is left to change.
#[track_caller]
fn applies(host: &Host, user: &str, password: Option<&str>) {
    host.sh("rm -f /srv/file");
    let said = |verb| match password {
        Some(password) => with_password(host, user, verb, password),
        None => run(&mut command(host, user, verb)),
    };
    said("apply").ok();
    assert_eq!(
        host.sh("cat /srv/file; stat -c '%U %a' /srv/file"),
        "it's here\nroot 600"
    );
    let plan = said("plan").ok();
    assert!(plan.stdout.contains("Nothing to change."), "{}", plan.stdout);
}

/// What a password must never be in.
#[track_caller]
fn hides_the_password(host: &Host) {
    let found = host.sh("grep -rl its-password /var/log /var/lib/hostwright /run/log 2>/dev/null; journalctl -q --no-pager | grep -c its-password; true");
    assert_eq!(found, "0");
}

//~ sudo | sudo 1.9 and sudo-rs, with and without a password: Debian 12, Debian 13, Ubuntu-24.04-like, Ubuntu-26.04-like (with Rust coreutils) | the password is given when it is asked for, once, and stands in no process list, log or journal; a wrong one is tried once; where sudo allows some commands only, or none, its words are shown
#[test]
fn every_host_of_the_matrix_lets_a_user_become_root() {
    for (name, image, provider) in images::all() {
        let host = Host::of(&image);
        eprintln!("{name}");
        user(&host, "ann");
        if provider == "ubuntu" {
            user(&host, "ubuntu");
            applies(&host, "ubuntu", None);
            assert_eq!(host.sh("systemctl is-active ssh.socket"), "active");
        } else {
            applies(&host, "root", None);
        }
        host.sh("echo 'ann ALL=(ALL:ALL) ALL' >/etc/sudoers.d/ann; chmod 0440 /etc/sudoers.d/ann");
        let wanted = "sudo on ADDRESS wants the password of ann"
            .replace("ADDRESS", &host.machine.address().to_string());
        refuses(
            run(&mut command(&host, "ann", "plan")),
            &[&wanted, "--ask-sudo-pass", "HOSTWRIGHT_SUDO_PASSWORD"],
        );
        let start = Instant::now();
        refuses(
            with_password(&host, "ann", "plan", "wrong-password"),
            &["does not take the password of ann"],
        );
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        applies(&host, "ann", Some("its-password"));
        let file = host.file("password", "its-password\n");
        let mut plan = command(&host, "ann", "plan");
        run(plan.arg("--sudo-password-file").arg(file)).ok();
        // What sudo-rs says is the same for both.
        let (some, none) = match name.contains("26.04") {
            true => (
                "may not become root: sudo-rs: I'm sorry ann",
                "may not become root: sudo-rs: I'm sorry ann",
            ),
            false => (
                "lets ann run only some commands",
                "may not become root: ann is not in the sudoers file",
            ),
        };
        host.sh("echo 'ann ALL=(ALL) /usr/bin/apt-get' >/etc/sudoers.d/ann");
        refuses(with_password(&host, "ann", "plan", "its-password"), &[some]);
        host.sh("rm /etc/sudoers.d/ann");
        refuses(with_password(&host, "ann", "plan", "its-password"), &[none]);
        hides_the_password(&host);
    }
}

/// Debian 12, with more in it.
fn host_with(name: &str, script: &str) -> Option<Host> {
    let script = format!("export DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n{script}");
    let image = crate::host::base()?.derive(name, &script, &mut |line| eprintln!("{line}"));
    Some(Host::of(&image.expect("the image")))
}

//~ sudo | `requiretty`, a lecture, `secure_path`, `insults`, `use_pty`, start-up files that talk | works as without
#[test]
fn what_sudoers_say_does_not_matter() {
    let Some(image) = crate::host::base() else { return };
    let host = Host::of(&image);
    user(&host, "ann");
    host.sh("echo 'echo Welcome; echo sudo: a password is required >&2' >/home/ann/.bashrc
        printf '%s\\n' 'Defaults requiretty,use_pty,insults,lecture=always,secure_path=/nonexistent' 'ann ALL=(ALL) ALL' >/etc/sudoers.d/ann");
    // With the password first: a ticket would do without.
    applies(&host, "ann", Some("its-password"));
    host.sh("echo 'ann ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/ann");
    applies(&host, "ann", None);
    hides_the_password(&host);
}

//~ sudo | only some commands are allowed, or none | said, with sudo's own words and the line to write
#[test]
fn what_sudo_does_not_allow_is_said() {
    let Some(image) = crate::host::base() else { return };
    let host = Host::of(&image);
    user(&host, "ann");
    let not_all = "lets ann run only some commands";
    host.sh("echo 'ann ALL=(ALL) NOPASSWD: /usr/bin/apt-get' >/etc/sudoers.d/ann");
    // sudo asks for the password before it says no.
    refuses(
        with_password(&host, "ann", "plan", "its-password"),
        &[not_all, "`ann ALL=(ALL) ALL` into /etc/sudoers.d/ann"],
    );
    host.sh("rm /etc/sudoers.d/ann");
    refuses(
        with_password(&host, "ann", "plan", "its-password"),
        &["ann on", "may not become root: ann is not in the sudoers file"],
    );
}

//~ su | neither sudo nor doas is installed | root's password does it, given as sudo's is
#[test]
fn su_does_where_nothing_else_is_there() {
    let Some(image) = crate::host::base() else { return };
    let host = Host::of(&image);
    user(&host, "ann");
    host.sh("mv /usr/bin/sudo /usr/bin/sudo-away; echo root:roots-password | chpasswd");
    refuses(
        run(&mut command(&host, "ann", "plan")),
        &["wants the password of root"],
    );
    refuses(
        with_password(&host, "ann", "plan", "its-password"),
        &["su on", "does not take the password of root"],
    );
    applies(&host, "ann", Some("roots-password"));
    host.sh("mv /usr/bin/su /usr/bin/su-away");
    refuses(
        run(&mut command(&host, "ann", "plan")),
        &["there is no sudo, doas or su"],
    );
}

//~ doas | installed in place of sudo, with `nopass` or with a password | works
#[test]
fn doas_does_where_sudo_is_not_there() {
    let Some(host) = host_with(
        "doas",
        "apt-get -qq -y install opendoas >/dev/null; SUDO_FORCE_REMOVE=yes apt-get -qq -y purge sudo >/dev/null",
    ) else {
        return;
    };
    user(&host, "ann");
    host.sh("echo 'permit nopass ann' >/etc/doas.conf");
    applies(&host, "ann", None);
    applies(&host, "ann", Some("its-password"));
    host.sh("echo 'permit ann' >/etc/doas.conf");
    refuses(
        run(&mut command(&host, "ann", "plan")),
        &["doas on", "wants the password of ann"],
    );
    refuses(
        with_password(&host, "ann", "plan", "wrong"),
        &["doas on", "does not take the password of ann"],
    );
    applies(&host, "ann", Some("its-password"));
    host.sh("echo 'permit nopass other' >/etc/doas.conf");
    refuses(
        run(&mut command(&host, "ann", "plan")),
        &["may not become root: doas: Operation not permitted"],
    );
    hides_the_password(&host);
}
