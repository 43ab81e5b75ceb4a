//! What lets us in: files of sshd and sudo are checked before they are live, and undone when nobody gets in any more.

use crate::host::Host;

fn file(path: &str, text: &str) -> String {
    format!("name: ssh\nfiles: {{ {path}: {{ content: \"{text}\\n\" }} }}\n")
}

fn options(text: &str) -> String {
    file("/etc/ssh/sshd_config.d/90-own.conf", text)
}

fn says(host: &Host, playbook: &str, words: &str) {
    let failed = host.apply(playbook);
    let said = failed.stdout + &failed.stderr;
    assert_eq!(failed.status, 1, "{said}");
    assert!(said.contains(words), "{words} in\n{said}");
}

#[test]
fn sshd_runs_with_the_file_that_stands_there() {
    let Some(host) = Host::boot() else { return };
    let main = |key: &str| host.sh(&format!("systemctl show -p {key} --value ssh"));
    let first = main("MainPID");
    host.converge(&options("MaxSessions 7"));
    assert_ne!(main("MainPID"), first, "it was not started anew");
    // As after a run that died between the file and the restart.
    host.sh("rm /var/lib/hostwright/loaded/sshd.90-own.conf");
    let plan = host.plan(&options("MaxSessions 7"));
    assert!(plan.stdout.contains("restart sshd"), "{}", plan.stdout);
    host.converge(&options("MaxSessions 7"));
    assert_eq!(host.sh("sshd -T | grep -i maxsessions"), "maxsessions 7");
}

#[test]
fn options_that_sshd_does_not_take_do_not_go_live() {
    let Some(host) = Host::boot() else { return };
    says(&host, &options("MaxSesions 7"), "Bad configuration option");
    let left = host.sh("ls -A /etc/ssh/sshd_config.d; ls /var/lib/hostwright/loaded");
    assert!(!left.contains("90-own"), "{left}");
}

#[test]
fn options_that_shut_us_out_are_undone() {
    let Some(host) = Host::boot() else { return };
    host.converge(&options("MaxSessions 7"));
    says(
        &host,
        &options("AllowUsers somebody"),
        "no new SSH connection got in within 30 s",
    );
    assert_eq!(host.sh("cat /etc/ssh/sshd_config.d/90-own.conf"), "MaxSessions 7");
    // We get in again, and the next apply puts right what the host remembers.
    host.converge(&options("MaxSessions 7"));
}

#[test]
fn options_that_sshd_cannot_start_with_are_undone() {
    let Some(host) = Host::boot() else { return };
    // It is in order, and no address of this host's.
    says(
        &host,
        &options("ListenAddress 203.0.113.7"),
        "taken away again: /etc/ssh/sshd_config.d/90-own.conf",
    );
    assert_eq!(host.sh("systemctl is-active ssh"), "active");
    host.converge(&options("MaxSessions 7"));
}

#[test]
fn more_files_than_systemd_would_start_sshd_for() {
    let Some(host) = Host::boot() else { return };
    let files = (10..18).map(|number| {
        format!("  /etc/ssh/sshd_config.d/{number}.conf: {{ content: \"MaxSessions {number}\\n\" }}\n")
    });
    let files: String = files.collect();
    host.converge(&format!("name: ssh\nfiles:\n{files}"));
    assert_eq!(host.sh("sshd -T | grep -i maxsessions"), "maxsessions 10");
}

#[test]
fn an_ssh_that_is_stopped_is_started_again() {
    let Some(host) = Host::boot() else { return };
    says(
        &host,
        "name: ssh\nsystemd: { ssh: { running: false, enabled: false } }\n",
        NOBODY,
    );
    assert_eq!(
        host.sh("systemctl is-active ssh; systemctl is-enabled ssh"),
        "active\nenabled"
    );
}

const NOBODY: &str = "no new SSH connection got in within 30 s";

#[test]
fn keys_that_shut_us_out_are_undone() {
    let Some(host) = Host::boot() else { return };
    let keys = "stat -c '%a %n' /root /root/.ssh /root/.ssh/*; sha256sum /root/.ssh/authorized_keys";
    let before = host.sh(keys);
    let path = "/root/.ssh/authorized_keys";
    says(
        &host,
        &file(path, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVzZWxlc3M= other"),
        NOBODY,
    );
    assert_eq!(host.sh(keys), before);
    says(&host, "name: ssh\nabsent: [/root/.ssh]\n", NOBODY);
    assert_eq!(host.sh(keys), before);
    let ours = host.sh(&format!("cat {path}"));
    host.converge(&file(path, &format!("{ours}\\n# one more")));
}

#[test]
fn a_home_or_a_shell_that_shuts_us_out_is_undone() {
    let Some(host) = Host::boot() else { return };
    let before = host.sh("stat -c %a /root; getent passwd root");
    says(
        &host,
        "name: ssh\ndirectories: { /root: { mode: 0777 } }\n",
        NOBODY,
    );
    says(
        &host,
        "name: ssh\nusers: { root: { shell: /usr/sbin/nologin } }\n",
        NOBODY,
    );
    assert_eq!(host.sh("stat -c %a /root; getent passwd root"), before);
    host.converge("name: ssh\nusers: { root: { shell: /bin/sh } }\n");
}

#[test]
fn rules_that_sudo_does_not_take_do_not_go_live() {
    let Some(host) = Host::boot() else { return };
    host.sh("DEBIAN_FRONTEND=noninteractive apt-get -qq -y install sudo >/dev/null");
    let path = "/etc/sudoers.d/own";
    says(&host, &file(path, "app ALL=(ALL NOPASSWD: ALL"), "syntax error");
    assert_eq!(host.sh("ls /etc/sudoers.d"), "README");
    host.converge(&file(path, "%app ALL=(ALL) NOPASSWD: ALL"));
    host.file("rules/more", "nonsense\n");
    let tree = "name: ssh\ndirectories: { /etc/sudoers.d: { source: rules, mode: 0750 } }\n";
    says(&host, tree, "syntax error");
    assert_eq!(host.sh("ls /etc/sudoers.d"), "README\nown");
}
