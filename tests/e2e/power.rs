//! The power goes while a step waits for the proof that we still get in: it is undone at the next boot.

use std::time::Duration;

use crate::host::{Host, wait_for};
use crate::transaction::Apply;

/// Cuts the power of the host while an apply waits for its proof, and boots it again; what the apply says.
#[track_caller]
fn cut(host: &mut Host, playbook: &str, name: &str) -> String {
    let apply = Apply::start(host, playbook, name);
    wait_for("it waits for its proof", || {
        host.sh("cat /var/lib/hostwright/runs/$(cat /var/lib/hostwright/current)/journal 2>/dev/null || true")
            .lines()
            .any(|line| line.contains(" confirm ") && line.starts_with('@'))
    });
    assert_eq!(host.sh(UNITS), "hostwright-undo.service\nhostwright-undo.service");
    host.machine.kill().expect("no power");
    host.machine.start().expect("power again");
    let (status, said) = apply.end(Duration::from_secs(90));
    assert_eq!(status, 1, "{said}");
    for words in [
        "the host was cut off before a new SSH connection had got in; the step is undone",
        "The step failed:",
        "it goes on from there",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert_eq!(host.sh(UNITS), "");
    assert_eq!(
        host.sh("ls /var/lib/hostwright | grep -v -e generations -e made -e begun -e originals"),
        "loaded\nlock\nruns\nstore"
    );
    said
}

const UNITS: &str =
    "cd /etc/systemd/system; ls | grep hostwright; ls multi-user.target.wants | grep hostwright || true";

#[test]
fn what_had_no_proof_when_the_power_went_is_undone() {
    let Some(mut host) = Host::boot() else { return };
    let file =
        |path: &str, text: &str| format!("name: cut\nfiles: {{ {path}: {{ content: \"{text}\\n\" }} }}\n");

    let keys = "/root/.ssh/authorized_keys";
    let before =
        host.sh("sha256sum /root/.ssh/authorized_keys; stat -c '%a %U %Y' /root/.ssh/authorized_keys");
    let said = cut(
        &mut host,
        &file(keys, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVzZWxlc3M= other"),
        "keys",
    );
    assert!(said.contains(&format!("put back: {keys}")), "{said}");
    assert_eq!(
        host.sh("sha256sum /root/.ssh/authorized_keys; stat -c '%a %U %Y' /root/.ssh/authorized_keys"),
        before
    );

    let path = "/etc/ssh/sshd_config.d/90-own.conf";
    host.converge(&file(path, "MaxSessions 7"));
    cut(&mut host, &file(path, "AllowUsers somebody"), "sshd");
    assert_eq!(host.sh(&format!("cat {path}")), "MaxSessions 7");
    host.converge(&file(path, "MaxSessions 7"));
    assert_eq!(
        host.sh("systemctl --failed --plain --no-legend | grep -e ssh -e hostwright || true"),
        ""
    );

    let wall = "name: wall\nufw: { allow: [22/tcp] }\n";
    host.sh("sed -i '/^# End required lines/a -A ufw-before-input -p tcp --dport 22 --syn -j DROP' /etc/ufw/before.rules");
    cut(&mut host, wall, "wall");
    assert_eq!(host.sh("ufw status"), "Status: inactive");
    let plan = host.plan(wall);
    assert!(plan.stdout.contains("firewall: off → on"), "{}", plan.stdout);
    host.sh("sed -i '/--syn -j DROP/d' /etc/ufw/before.rules");
    host.converge(wall);
    assert_eq!(host.sh(UNITS), "");
}

#[test]
fn an_apply_waits_for_what_is_being_undone_and_for_nothing_else() {
    let Some(host) = Host::boot() else { return };
    let file = |text: &str| format!("name: x\nfiles: {{ /srv/file: {{ content: {text} }} }}\n");
    let unit = "/etc/systemd/system/hostwright-undo.service";
    let arm = format!(
        "printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"until [ -e /srv/go ]; do sleep 0.1; done; rm {unit}\"\\n' >{unit}"
    );
    host.sh(&format!(
        "{arm}; systemctl daemon-reload; systemctl start --no-block hostwright-undo"
    ));
    let apply = Apply::start(&host, &file("one"), "first");
    wait_for("it waits", || apply.said().contains("is still going on"));
    host.sh("touch /srv/go");
    let (status, said) = apply.end(Duration::from_secs(30));
    assert_eq!(status, 0, "{said}");
    // Of a run that was killed, on a host that was not booted since: whoever comes next got in.
    host.sh(&arm);
    host.converge(&file("two"));
    assert_eq!(host.sh(UNITS), "");
}
