//! Compiled programs: a directory a release, a link that changes at once, and a way back.

use crate::host::Host;

const TOOL: &str = r#"
name: tool
directories: { /opt/tool: {} }
binaries:
  tool: { path: tool, to: /opt/tool, keep: 2 }
supervisor:
  tool: { command: /opt/tool/current/tool }
"#;

/// Puts the program's version `number` beside the playbook, and says its release.
fn build(host: &Host, number: u32) -> String {
    let text = format!("#!/bin/sh\n# version {number}\nexec sleep 10000{number}\n");
    host.file("tool", &text);
    hostwright::change::sha256(text.as_bytes())[..12].to_owned()
}

fn running(host: &Host) -> String {
    host.sh("tr '\\0' ' ' </proc/$(supervisorctl pid tool)/cmdline")
}

fn releases(host: &Host) -> Vec<String> {
    host.sh("ls -t /opt/tool/releases")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn releases_come_stay_go_and_come_back() {
    let Some(host) = Host::boot() else { return };
    let first = build(&host, 1);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100001");
    assert_eq!(
        host.sh("stat -c '%a %U:%G' /opt/tool/current/tool; readlink /opt/tool/current"),
        format!("755 root:root\nreleases/{first}")
    );

    // Whoever starts the program while it is replaced finds one.
    host.sh("systemd-run --quiet --unit=watch sh -c 'while [ -x /opt/tool/current/tool ]; do :; done'");
    let second = build(&host, 2);
    let plan = host.plan(TOOL);
    let link = format!("current: releases/{first} → releases/{second}");
    assert!(plan.stdout.contains(&link), "{link} in\n{}", plan.stdout);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100002");
    assert_eq!(releases(&host), [second.as_str(), first.as_str()]);
    assert_eq!(
        host.sh("systemctl is-active watch; systemctl stop watch"),
        "active"
    );

    let third = build(&host, 3);
    host.converge(TOOL);
    assert_eq!(releases(&host), [third.as_str(), second.as_str()]);

    // The way back sends nothing.
    build(&host, 2);
    let plan = host.plan(TOOL);
    let said = format!("go to release {second}, which is there");
    assert!(plan.stdout.contains(&said), "{}", plan.stdout);
    assert!(!plan.stdout.contains("bytes"), "{}", plan.stdout);
    let inode = format!("stat -c %i /opt/tool/releases/{second}/tool");
    let before = host.sh(&inode);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100002");
    assert_eq!(host.sh(&inode), before, "it was written again");

    // The live one and the one before it stay, though the live one is not the newest.
    let fourth = build(&host, 4);
    host.converge(TOOL);
    assert_eq!(releases(&host), [fourth.as_str(), second.as_str()]);

    // A release that does not start goes, and the one before it runs again.
    let broken = "#!/bin/sh\necho 'no such flag' >&2\nexit 2\n";
    host.file("tool", broken);
    let failed = host.apply(TOOL);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in ["no such flag", "put back: /opt/tool/current"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(
        host.sh("readlink /opt/tool/current"),
        format!("releases/{fourth}")
    );
    assert_eq!(running(&host), "sleep 100004");
    build(&host, 4);
    host.converge(TOOL);

    host.sh("echo 'echo evil' >>/opt/tool/current/tool");
    let plan = host.plan(TOOL);
    let said = format!("repair release {fourth}");
    assert!(plan.stdout.contains(&said), "{}", plan.stdout);
    host.converge(TOOL);
    assert!(!host.sh("cat /opt/tool/current/tool").contains("evil"));
}

#[test]
fn a_program_for_another_machine_is_refused() {
    let Some(host) = Host::boot() else { return };
    let (code, name) = if cfg!(target_arch = "x86_64") {
        (0xb7, "aarch64")
    } else {
        (0x3e, "x86_64")
    };
    let mut header = [0_u8; 64];
    header[..4].copy_from_slice(b"\x7fELF");
    header[18] = code;
    std::fs::write(host.folder.path().join("tool"), header).expect("written");
    for run in [host.plan(TOOL), host.apply(TOOL)] {
        assert_eq!(run.status, 1, "{}", run.stdout);
        let said = format!("built for {name}, and the host is {}", host.sh("uname -m"));
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
    assert_eq!(host.sh("ls /opt"), "");
}
